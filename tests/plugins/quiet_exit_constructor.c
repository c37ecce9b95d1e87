/* Ends the process while it is opened, and pretends that all is well. */
#include <graftmq/plugin.h>
#include <stdlib.h>

__attribute__((constructor)) static void leave(void)
{
    exit(0);
}

GMQ_PLUGIN("quiet_exit_constructor", "1.0.0");
