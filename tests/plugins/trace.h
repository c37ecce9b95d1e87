/* Leaves a line in the file that $GRAFTMQ_TEST_TRACE names, so that a test sees which function of a plugin ran, in
 * whatever process. */
#ifndef TESTS_PLUGINS_TRACE_H
#define TESTS_PLUGINS_TRACE_H

#include <stdio.h>
#include <stdlib.h>

static inline void trace(const char *text)
{
    const char *path = getenv("GRAFTMQ_TEST_TRACE");
    FILE *file = path != NULL ? fopen(path, "ae") : NULL;
    if (file == NULL)
        return;
    fprintf(file, "%s\n", text);
    fclose(file);
}

#endif
