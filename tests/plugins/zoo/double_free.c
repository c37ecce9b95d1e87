/* Spoils the heap, which the allocator notices. */
#pragma GCC diagnostic ignored "-Wuse-after-free"

#include <stdlib.h>

static void misbehave(void)
{
    void *volatile bytes = malloc(100);
    void *volatile same = bytes;
    free(bytes);
    free(same);
}

#include "moment.h"
