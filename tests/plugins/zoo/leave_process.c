/* Forks a process that leaves its group and outlives it. */
#include <unistd.h>

static void misbehave(void)
{
    if (fork() != 0)
        return;
    setsid();
    for (;;)
        pause();
}

#include "moment.h"
