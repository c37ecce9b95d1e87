/* Stops its own process, as a debugger would. */
#include <signal.h>

static void misbehave(void)
{
    raise(SIGSTOP);
}

#include "moment.h"
