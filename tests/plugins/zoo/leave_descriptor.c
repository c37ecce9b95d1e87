/* Opens a file and never closes it. */
#include <fcntl.h>

static void misbehave(void)
{
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
}

#include "moment.h"
