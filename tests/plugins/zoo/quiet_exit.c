/* Ends the process as if all were well. */
#include <unistd.h>

static void misbehave(void)
{
    _exit(0);
}

#include "moment.h"
