/* Sets a clock that ends the process when it rings. */
#include <unistd.h>

static void misbehave(void)
{
    alarm(1);
}

#include "moment.h"
