/* Has the end of the process call a function of its own, in the way that dlclose() knows of. */
#include <stdlib.h>

static void caught(void)
{
}

static void misbehave(void)
{
    atexit(caught);
}

#include "moment.h"
