/* Makes a timer of the system's that sends a signal a thousand times a second. */
#include <signal.h>
#include <time.h>

static void misbehave(void)
{
    timer_t timer;
    struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGWINCH};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timer_settime(timer, 0, &often, NULL);
}

#include "moment.h"
