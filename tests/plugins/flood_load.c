/* Says more than anybody can hear, and then hangs. Needs gmq_log. */
#include <graftmq/plugin.h>

static gmq_status load(gmq_plugin *plugin)
{
    while (plugin != NULL)
        gmq_log(plugin, GMQ_LOG_INFO, "once more");
    return GMQ_OK;
}

GMQ_PLUGIN_WITH("flood_load", "1.0.0", load, NULL);
