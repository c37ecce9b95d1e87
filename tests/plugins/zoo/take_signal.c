/* Takes the signal that reloads the broker. */
#include <signal.h>

static void caught(int number)
{
    (void)number;
}

static void misbehave(void)
{
    struct sigaction action = {.sa_handler = caught};
    sigaction(SIGHUP, &action, NULL);
}

#include "moment.h"
