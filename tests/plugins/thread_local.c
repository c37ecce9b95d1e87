/* Its load function leaves a destructor for the end of the thread, so it stays mapped until then. */
#include "trace.h"
#include <graftmq/plugin.h>

extern int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *library);
extern void *__dso_handle __attribute__((visibility("hidden")));

static void at_thread_end(void *argument)
{
    (void)argument;
    trace("thread ended");
}

static gmq_status load(gmq_plugin *plugin)
{
    (void)plugin;
    return __cxa_thread_atexit_impl(at_thread_end, NULL, &__dso_handle) == 0 ? GMQ_OK : GMQ_ERROR_SYSTEM;
}

GMQ_PLUGIN_WITH("thread_local", "1.0.0", load, NULL);
