/* Calls what nobody has. */
#include <graftmq/plugin.h>

extern gmq_status gmq_not_in_this_broker(gmq_plugin *plugin);

static gmq_status load(gmq_plugin *plugin)
{
    return gmq_not_in_this_broker(plugin);
}

GMQ_PLUGIN_WITH("missing_symbol", "1.0.0", load, NULL);
