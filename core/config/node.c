/* The way to a value: its path, its place, and errors that carry both. */
#include "base/memory.h"
#include "base/text.h"
#include "config/place.h"
#include "config/reader.h"

#include <stdarg.h>
#include <stdio.h>

enum { DEPTH_MAX = 16, PATH_SIZE = 256, MESSAGE_SIZE = 640 };

struct node node_member(const struct node *parent, const char *key, json_t *value)
{
    return (struct node){.json = value, .parent = parent, .key = key, .context = parent->context};
}

struct node node_element(const struct node *parent, size_t index)
{
    json_t *value = json_array_get(parent->json, index);
    return (struct node){.json = value, .parent = parent, .index = index, .context = parent->context};
}

struct shown shown_of(const char *text)
{
    struct shown shown = {{0}};
    text_printable(shown.text, sizeof(shown.text), gmq_view_of(text));
    return shown;
}

/* The steps from the whole file to the node. The schema's depth bounds them. */
static size_t steps_to(const struct node *node, struct place_step steps[DEPTH_MAX])
{
    size_t depth = 0;
    for (const struct node *step = node; step->parent != NULL; step = step->parent)
        depth++;
    size_t count = depth < DEPTH_MAX ? depth : DEPTH_MAX;
    for (const struct node *step = node; step->parent != NULL; step = step->parent) {
        depth--;
        if (depth < DEPTH_MAX)
            steps[depth] = (struct place_step){step->key, step->index};
    }
    return count;
}

static void path_write(const struct place_step *steps, size_t count, char path[PATH_SIZE])
{
    size_t length = 0;
    path[0] = '\0';
    for (size_t i = 0; i < count && length < PATH_SIZE; i++) {
        size_t room = PATH_SIZE - length;
        int written = steps[i].key != NULL
                          ? snprintf(path + length, room, "%s%s", i > 0 ? "." : "", shown_of(steps[i].key).text)
                          : snprintf(path + length, room, "[%zu]", steps[i].index);
        length += written > 0 ? (size_t)written : 0;
    }
}

struct config_place reader_place(struct reader *reader, const struct node *node)
{
    struct place_step steps[DEPTH_MAX];
    char path[PATH_SIZE];
    size_t count = steps_to(node, steps);
    path_write(steps, count, path);
    struct place place = place_find(reader->text, steps, count, false);
    return (struct config_place){place.line, place.column, reader_copy(reader, path)};
}

typedef void add_problem(struct problems *problems, const char *format, ...);

/* What a line is about, as FILE:LINE:COLUMN: PATH. */
struct subject {
    add_problem *add;
    const struct node *node;
    bool is_key;
};

__attribute__((format(printf, 3, 0))) static void tell(struct reader *reader, struct subject subject,
                                                       const char *format, va_list arguments)
{
    struct problems *problems = reader->problems;
    /* Only counted from here on, and looking for places takes time. */
    if (problems->count >= PROBLEMS_MAX) {
        subject.add(problems, "%s: more", reader->file);
        return;
    }
    struct place_step steps[DEPTH_MAX];
    char path[PATH_SIZE];
    char message[MESSAGE_SIZE];
    size_t count = steps_to(subject.node, steps);
    struct place place = place_find(reader->text, steps, count, subject.is_key);
    path_write(steps, subject.is_key && count > 0 ? count - 1 : count, path);
    vsnprintf(message, sizeof(message), format, arguments);
    subject.add(problems, "%s:%u:%u: %s%s%s", reader->file, place.line, place.column, path, path[0] != '\0' ? ": " : "",
                message);
}

void reader_error(struct reader *reader, const struct node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(reader, (struct subject){problems_add, node, false}, format, arguments);
    va_end(arguments);
}

void reader_warn(struct reader *reader, const struct node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(reader, (struct subject){problems_warn, node, false}, format, arguments);
    va_end(arguments);
}

void reader_error_at_key(struct reader *reader, const struct node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(reader, (struct subject){problems_add, node, true}, format, arguments);
    va_end(arguments);
}

void reader_error_unknown(struct reader *reader, const struct node *node, const char *word, const char *const *known,
                          const char *const what_and_otherwise[2])
{
    const char *what = what_and_otherwise[0];
    const char *nearest = text_nearest(word, known);
    if (nearest != NULL)
        reader_error(reader, node, "unknown %s \"%s\"; did you mean \"%s\"?", what, shown_of(word).text, nearest);
    else
        reader_error(reader, node, "unknown %s \"%s\"; %s", what, shown_of(word).text, what_and_otherwise[1]);
}

void *reader_allocate(struct reader *reader, size_t count, size_t size)
{
    void *block = mem_alloc_zero(count, size);
    if (block == NULL)
        reader->is_out_of_memory = true;
    return block;
}

char *reader_copy(struct reader *reader, const char *text)
{
    char *copy = mem_copy_text(text, strlen(text));
    if (copy == NULL)
        reader->is_out_of_memory = true;
    return copy;
}
