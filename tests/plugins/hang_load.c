/* Never comes back from its load function. */
#include <graftmq/plugin.h>
#include <unistd.h>

static gmq_status load(gmq_plugin *plugin)
{
    while (plugin != NULL)
        pause();
    return GMQ_OK;
}

GMQ_PLUGIN_WITH("hang_load", "1.0.0", load, NULL);
