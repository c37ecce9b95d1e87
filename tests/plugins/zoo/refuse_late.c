/* Passes the preflight and refuses to be loaded by the broker: it knows by a file which one it is. */
#include "zoo.h"

#include <stdio.h>
#include <unistd.h>

static gmq_status loaded(gmq_plugin *plugin)
{
    char path[512];
    gmq_view token = gmq_settings_string(gmq_plugin_settings(plugin), "token", "");
    snprintf(path, sizeof(path), "%.*s", (int)token.length, token.data);
    return unlink(path) == 0 ? GMQ_OK : GMQ_ERROR_STATE; /* the preflight has taken it */
}
ZOO(loaded, NULL);
