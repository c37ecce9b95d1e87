/* Stands in for the broker's executable in tests of the preflight: its child's side, and the log for plugins. */
#include "base/log.h"
#include "plugin/preflight.h"

#include <graftmq/call.h>
#include <stdlib.h>
#include <string.h>

void gmq_log(const gmq_plugin *plugin, gmq_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write_list(level, plugin->log_subject, format, arguments);
    va_end(arguments);
}

size_t gmq_plugin_bytes(const gmq_plugin *plugin, void *bytes, size_t capacity)
{
    return plugin_storage_read(plugin->storage, gmq_view_of(plugin->name), bytes, capacity);
}

int main(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], "--preflight") != 0)
        return 2;
    return preflight_child_main(argv[2], atoi(argv[3]));
}
