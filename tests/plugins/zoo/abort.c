/* Gives up. */
#include <stdlib.h>

static void misbehave(void)
{
    abort();
}

#include "moment.h"
