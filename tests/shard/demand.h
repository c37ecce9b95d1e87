/* What must be so, in the harness and at the ends of its connections: a line that says what is not, and the end of the
 * process. Criterion and libFuzzer both take that for a failure. */
#ifndef TESTS_SHARD_DEMAND_H
#define TESTS_SHARD_DEMAND_H

#include <stdio.h>
#include <stdlib.h>

#define demand(condition, ...) demand_at(__FILE__, __LINE__, condition, __VA_ARGS__)

/* The same in the name of the line that called. */
#define demand_at(file, line, condition, ...)                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: ", (file), (line));                                                                \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
