/* Has a signal call a function of its own, which is gone when it is unmapped. */
#include <signal.h>

static void caught(int number)
{
    (void)number;
}

static void misbehave(void)
{
    struct sigaction action = {.sa_handler = caught};
    sigaction(SIGUSR1, &action, NULL);
}

#include "moment.h"
