/* Refuses to be loaded if bytes are kept for it, and says so. Needs gmq_log and gmq_plugin_bytes. */
#include <graftmq/plugin.h>

static gmq_status load(gmq_plugin *plugin)
{
    char bytes[64];
    size_t length = gmq_plugin_bytes(plugin, bytes, sizeof(bytes));
    gmq_log(plugin, GMQ_LOG_WARNING, "found %zu bytes: %.*s", length, (int)length, bytes);
    return length == 0 ? GMQ_OK : GMQ_ERROR_STATE;
}

GMQ_PLUGIN_WITH("talk_load", "1.0.0", load, NULL);
