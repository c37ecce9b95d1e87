/* Ends the process while it is opened. */
#include <graftmq/plugin.h>
#include <stdlib.h>

__attribute__((constructor)) static void leave(void)
{
    exit(3);
}

GMQ_PLUGIN("exit_constructor", "1.0.0");
