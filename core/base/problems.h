/* A list of things that are wrong, so that a person sees all of them and not the first only. One thread. */
#ifndef BASE_PROBLEMS_H
#define BASE_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is a valid empty list. */
struct problems {
    char **lines;
    size_t count;
    size_t capacity;
    size_t left_out;    /* not stored: memory was out, or there were more than PROBLEMS_MAX */
    size_t error_count; /* of all, those that are no warnings */
};

enum { PROBLEMS_MAX = 200 };

void problems_deinit(struct problems *problems);

/* A line "FILE:LINE:COLUMN: PATH: what is wrong; what to do". */
void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, but nothing fails because of it; stored with "warning: " in front. */
void problems_warn(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what was added since `before` was copied from it. */
void problems_rewind(struct problems *problems, const struct problems *before);

/* Whether there is an error (warnings don't count). */
bool problems_has_errors(const struct problems *problems);

#endif
