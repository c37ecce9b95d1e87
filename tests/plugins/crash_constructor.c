/* Crashes while it is opened. */
#include <graftmq/plugin.h>
#include <signal.h>

__attribute__((constructor)) static void crash(void)
{
    raise(SIGSEGV);
}

GMQ_PLUGIN("crash_constructor", "1.0.0");
