/* Never comes back from being opened. */
#include <graftmq/plugin.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void)
{
    for (;;)
        pause();
}

GMQ_PLUGIN("hang_constructor", "1.0.0");
