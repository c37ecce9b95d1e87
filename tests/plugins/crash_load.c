/* Crashes in its load function. */
#include <graftmq/plugin.h>
#include <signal.h>

static gmq_status load(gmq_plugin *plugin)
{
    (void)plugin;
    raise(SIGSEGV);
    return GMQ_OK;
}

GMQ_PLUGIN_WITH("crash_load", "1.0.0", load, NULL);
