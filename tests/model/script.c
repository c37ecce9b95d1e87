/* Scripts: made from a seed, written and read. */
#include "model/script.h"

#include "shard/demand.h"

#include <inttypes.h>
#include <string.h>

enum { STEPS = 180 };

uint32_t step_kind_of(const char *name)
{
    uint32_t kind = 0;
    while (kind < step_kind_count && strcmp(step_kinds[kind].name, name) != 0)
        kind++;
    return kind;
}

/* ---- from a seed ---- */

static struct step *script_add(struct script *script, struct random *random, uint32_t kind)
{
    demand(script->count < SCRIPT_STEPS_MAX, "too many steps");
    struct step *step = &script->steps[script->count++];
    *step = (struct step){.kind = kind};
    for (uint32_t i = 0; i < STEP_ARGUMENTS && step_kinds[kind].arguments[i].name != NULL; i++)
        step->arguments[i] = step_kinds[kind].arguments[i].any(random);
    return step;
}

static uint32_t any_kind(struct random *random)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < step_kind_count; i++)
        sum += step_kinds[i].weight;
    uint32_t at = (uint32_t)random_below(random, sum), kind = 0;
    while (at >= step_kinds[kind].weight)
        at -= step_kinds[kind++].weight;
    return kind;
}

/* All connect and have a subscription first; a script that doesn't need it can do without. */
void script_generate(struct script *script, uint64_t seed)
{
    struct random random = {seed * UINT64_C(0x9E3779B97F4A7C15) | 1};
    script->count = 0;
    (void)script_add(script, &random, step_kind_of("begin"));
    for (uint64_t actor = 0; actor < 10; actor++)
        script_add(script, &random, step_kind_of("connect"))->arguments[0] = actor;
    (void)script_add(script, &random, step_kind_of("rest"));
    for (uint64_t subscriber = 0; subscriber < 7; subscriber++)
        script_add(script, &random, step_kind_of("subscribe"))->arguments[0] = subscriber;
    for (int i = 0; i < STEPS; i++)
        (void)script_add(script, &random, any_kind(&random));
}

/* ---- as text ---- */

static void step_write(const struct step *step, FILE *file)
{
    const struct step_kind *kind = &step_kinds[step->kind];
    fprintf(file, "%s", kind->name);
    for (uint32_t i = 0; i < STEP_ARGUMENTS && kind->arguments[i].name != NULL; i++) {
        if (step->arguments[i] != 0 || i == 0)
            fprintf(file, " %s=%" PRIu64, kind->arguments[i].name, step->arguments[i]);
    }
    if (kind->comment != NULL)
        kind->comment(step->arguments, file);
    fputc('\n', file);
}

void script_write(const struct script *script, FILE *file)
{
    for (uint32_t i = 0; i < script->count; i++)
        step_write(&script->steps[i], file);
}

static bool argument_read(struct step *step, const char *word)
{
    const struct step_argument *arguments = step_kinds[step->kind].arguments;
    for (uint32_t i = 0; i < STEP_ARGUMENTS && arguments[i].name != NULL; i++) {
        size_t length = strlen(arguments[i].name);
        if (strncmp(word, arguments[i].name, length) != 0 || word[length] != '=')
            continue;
        step->arguments[i] = strtoull(word + length + 1, NULL, 10);
        return true;
    }
    return false;
}

static bool step_read(struct step *step, char *line)
{
    char *rest = NULL;
    const char *word = strtok_r(line, " \n", &rest);
    *step = (struct step){.kind = step_kind_of(word)};
    if (step->kind == step_kind_count)
        return false;
    while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
        if (!argument_read(step, word))
            return false;
    }
    return true;
}

bool script_read(struct script *script, FILE *file)
{
    char line[300], copy[300];
    script->count = 0;
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "#"), line);
        if (copy[strspn(copy, " \n")] == '\0')
            continue;
        if (script->count == SCRIPT_STEPS_MAX || !step_read(&script->steps[script->count], copy)) {
            fprintf(stderr, "line %d is no step: %s", number, line);
            return false;
        }
        script->count++;
    }
    bool has_begin = script->count > 0 && script->steps[0].kind == step_kind_of("begin");
    if (!has_begin)
        fputs("a script begins with \"begin\"\n", stderr);
    return has_begin;
}
