/* Refuses to be loaded. */
#include "trace.h"
#include <graftmq/plugin.h>

static gmq_status load(gmq_plugin *plugin)
{
    (void)plugin;
    trace("load refuse_load");
    return GMQ_ERROR_SYSTEM;
}

static void unload(gmq_plugin *plugin)
{
    (void)plugin;
    trace("unload refuse_load");
}

GMQ_PLUGIN_WITH("refuse_load", "1.0.0", load, unload);
