/* Closes every descriptor, the one to its parent among them. */
#include <unistd.h>

static void misbehave(void)
{
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        close(descriptor);
}

#include "moment.h"
