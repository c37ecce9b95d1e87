/* Ends the process with an error. */
#include <stdlib.h>

static void misbehave(void)
{
    exit(3);
}

#include "moment.h"
