/* Waits in preflight until the test lets it go: "at" is a pipe that says when, "go" one that lets it. */
#include "zoo.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void path_of(const gmq_plugin *plugin, const char *name, char *path, size_t size)
{
    gmq_view folder = gmq_settings_string(gmq_plugin_settings(plugin), "folder", "");
    snprintf(path, size, "%.*s/%s", (int)folder.length, folder.data, name);
}

static gmq_status loaded(gmq_plugin *plugin)
{
    char path[512], word;
    path_of(plugin, "token", path, sizeof(path));
    if (unlink(path) != 0)
        return GMQ_OK; /* the preflight has taken it, this is the broker */
    path_of(plugin, "at", path, sizeof(path));
    int at = open(path, O_WRONLY);
    path_of(plugin, "go", path, sizeof(path));
    int go = open(path, O_RDONLY);
    bool is_let_go = at >= 0 && go >= 0 && write(at, "x", 1) == 1 && read(go, &word, 1) == 1;
    close(at);
    close(go);
    return is_let_go ? GMQ_OK : GMQ_ERROR_SYSTEM;
}
ZOO(loaded, NULL);
