/* Has the end of the process call a function of its own, in the way that knows no libraries. */
#include <stdlib.h>

static void caught(int status, void *nothing)
{
    (void)status;
    (void)nothing;
}

static void misbehave(void)
{
    on_exit(caught, NULL);
}

#include "moment.h"
