/* Never comes back, and burns a processor meanwhile. */
static volatile int forever = 1;

static void misbehave(void)
{
    while (forever) {
    }
}

#include "moment.h"
