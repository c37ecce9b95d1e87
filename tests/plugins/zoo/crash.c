/* Writes where nothing is. */
static void misbehave(void)
{
    *(volatile int *)8 = 1;
}

#include "moment.h"
