/* Takes the whole process to another folder. */
#include <unistd.h>

static void misbehave(void)
{
    (void)!chdir("/");
}

#include "moment.h"
