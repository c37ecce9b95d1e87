/* Makes a script that fails short: larger parts are left out first, then smaller ones (Zeller's ddmin), then numbers.
 */
#include "model/shrink.h"

#include "model/play.h"
#include "shard/demand.h"

#include <ctype.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_SECONDS = 20 };

/* ---- one run ---- */

/* The line that names what is wrong: the first with words in it, which a sanitizer's ruler has not. */
static void complaint_read(FILE *file, char complaint[COMPLAINT_SIZE])
{
    char line[500];
    complaint[0] = '\0';
    rewind(file);
    while (complaint[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strpbrk(line, "abcdefghijklmnopqrstuvwxyz") != NULL)
            snprintf(complaint, COMPLAINT_SIZE, "%.*s", COMPLAINT_SIZE - 1, line);
    }
}

static void script_run(const struct script *script, FILE *output)
{
    if (dup2(fileno(output), STDERR_FILENO) < 0)
        _exit(2);
    alarm(RUN_SECONDS);
    play_script(script);
    exit(0); /* leaks are looked for here */
}

bool script_passes(const struct script *script, char complaint[COMPLAINT_SIZE])
{
    FILE *output = tmpfile();
    demand(output != NULL, "no temporary file");
    fflush(NULL);
    pid_t child = fork();
    demand(child >= 0, "no process");
    if (child == 0)
        script_run(script, output);
    int status = 0;
    demand(waitpid(child, &status, 0) == child, "the child was lost");
    bool is_passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    complaint_read(output, complaint);
    if (!is_passed && complaint[0] == '\0')
        snprintf(complaint, COMPLAINT_SIZE, "ended with status 0x%x without a word", (unsigned)status);
    fclose(output);
    return is_passed;
}

/* ---- whether it is the same failure ---- */

/* The words, without numbers and addresses: "message 17 was lost" is the same for every message. */
static void words_of(const char *line, char words[COMPLAINT_SIZE])
{
    size_t length = 0;
    for (const char *at = line; *at != '\0'; at++) {
        bool is_number = isdigit((unsigned char)*at) != 0;
        if (is_number && at[0] == '0' && at[1] == 'x')
            at += 1 + strspn(at + 2, "0123456789abcdef");
        else if (!is_number)
            words[length++] = *at;
    }
    words[length] = '\0';
}

static bool fails_alike(const struct script *script, const char *complaint)
{
    char own[COMPLAINT_SIZE], words[COMPLAINT_SIZE], own_words[COMPLAINT_SIZE];
    if (script_passes(script, own))
        return false;
    words_of(complaint, words);
    words_of(own, own_words);
    return strcmp(words, own_words) == 0;
}

/* ---- less of it ---- */

static void script_without(const struct script *script, uint32_t from, uint32_t count, struct script *less)
{
    *less = *script;
    less->count -= count;
    memmove(&less->steps[from], &less->steps[from + count], (less->count - from) * sizeof less->steps[0]);
}

/* Leaves out parts of `size` steps, never the first step; true: some were. */
static bool shrink_by(struct script *script, uint32_t size, const char *complaint, uint32_t *runs)
{
    static struct script less;
    bool has_shrunk = false;
    for (uint32_t end = script->count; end > 1;) {
        uint32_t count = size < end - 1 ? size : end - 1;
        script_without(script, end - count, count, &less);
        end -= count;
        ++*runs;
        if (!fails_alike(&less, complaint))
            continue;
        *script = less;
        has_shrunk = true;
    }
    return has_shrunk;
}

static void shrink_numbers(struct script *script, const char *complaint, uint32_t *runs)
{
    for (uint32_t i = 0; i < script->count; i++) {
        for (uint32_t k = 0; k < STEP_ARGUMENTS; k++) {
            uint64_t *number = &script->steps[i].arguments[k], before = *number;
            if (before == 0)
                continue;
            *number = 0;
            ++*runs;
            if (!fails_alike(script, complaint))
                *number = before;
        }
    }
}

uint32_t script_shrink(struct script *script, const char *complaint)
{
    uint32_t runs = 0;
    for (uint32_t size = script->count / 2; size > 0; size /= 2)
        (void)shrink_by(script, size, complaint, &runs);
    while (shrink_by(script, 1, complaint, &runs))
        ;
    shrink_numbers(script, complaint, &runs);
    while (shrink_by(script, 1, complaint, &runs))
        ;
    return runs;
}
