/* A descriptor as the compiler is told: -DMAGIC, -DMAJOR, -DMINOR, -DSIZE, -DNAME. */
#include <graftmq/plugin.h>

#ifndef MAGIC
#define MAGIC GMQ_PLUGIN_MAGIC
#endif
#ifndef MAJOR
#define MAJOR GMQ_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR GMQ_ABI_MINOR
#endif
#ifndef SIZE
#define SIZE sizeof(gmq_plugin_descriptor)
#endif
#ifndef NAME
#define NAME "zoo"
#endif

GMQ_EXPORT extern const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {MAGIC, MAJOR, MINOR, SIZE, NAME, "zoo", NULL, NULL};

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
