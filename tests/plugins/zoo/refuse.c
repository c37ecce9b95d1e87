/* Refuses to be loaded, and says why. */
#include "zoo.h"

static gmq_status loaded(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_ERROR, "the database is not there");
    return GMQ_ERROR_SYSTEM;
}
ZOO(loaded, NULL);
