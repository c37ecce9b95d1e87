/* A list of things that are wrong. */
#include "base/problems.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void problems_deinit(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        mem_free(problems->lines[i]);
    mem_free(problems->lines);
    *problems = (struct problems){0};
}

static bool problems_make_room(struct problems *problems)
{
    if (problems->count < problems->capacity)
        return true;
    size_t capacity = problems->capacity != 0 ? problems->capacity * 2 : 8;
    char **lines = mem_realloc(problems->lines, capacity * sizeof(*lines));
    if (lines == NULL)
        return false;
    problems->lines = lines;
    problems->capacity = capacity;
    return true;
}

__attribute__((format(printf, 2, 0))) static char *line_make(const char *prefix, const char *format, va_list arguments)
{
    va_list measured;
    va_copy(measured, arguments);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    if (length < 0)
        return NULL;
    size_t prefix_length = strlen(prefix);
    size_t size = prefix_length + (size_t)length + 1;
    char *line = mem_alloc(size);
    if (line == NULL)
        return NULL;
    memcpy(line, prefix, prefix_length);
    vsnprintf(line + prefix_length, size - prefix_length, format, arguments);
    return line;
}

__attribute__((format(printf, 3, 0))) static void problems_store(struct problems *problems, const char *prefix,
                                                                 const char *format, va_list arguments)
{
    char *line = NULL;
    if (problems->count < PROBLEMS_MAX && problems_make_room(problems))
        line = line_make(prefix, format, arguments);
    if (line != NULL)
        problems->lines[problems->count++] = line;
    else
        problems->left_out++;
}

void problems_add(struct problems *problems, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problems_store(problems, "", format, arguments);
    va_end(arguments);
    /* Also when it could not be stored: out of memory, a wrong configuration is still wrong. */
    problems->error_count++;
}

void problems_warn(struct problems *problems, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problems_store(problems, "warning: ", format, arguments);
    va_end(arguments);
}

void problems_rewind(struct problems *problems, const struct problems *before)
{
    while (problems->count > before->count)
        mem_free(problems->lines[--problems->count]);
    problems->left_out = before->left_out;
    problems->error_count = before->error_count;
}

bool problems_has_errors(const struct problems *problems)
{
    return problems->error_count != 0;
}
