/* Crashes in its unload function. */
#include <graftmq/plugin.h>
#include <signal.h>

static void unload(gmq_plugin *plugin)
{
    (void)plugin;
    raise(SIGSEGV);
}

GMQ_PLUGIN_WITH("crash_unload", "1.0.0", NULL, unload);
