/* Calls itself without end. */
#pragma GCC diagnostic ignored "-Winfinite-recursion"

static int depth(volatile char *above)
{
    volatile char frame[4096];
    frame[0] = above != 0 ? *above : 0;
    return depth(frame) + frame[0];
}

static void misbehave(void)
{
    (void)depth(0);
}

#include "moment.h"
