/* What the animals of the zoo have in common: the name, and a handler that marks each message which passes it with the
 * user property "version". */
#ifndef ZOO_H
#define ZOO_H

#include <graftmq/plugin.h>

#ifndef ZOO_VERSION
#define ZOO_VERSION "zoo"
#endif

#define ZOO(load, unload)                                                                                              \
    GMQ_PLUGIN_WITH("zoo", ZOO_VERSION, load, unload);                                                                 \
    static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)                                                 \
    {                                                                                                                  \
        (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("version"), GMQ_VIEW(ZOO_VERSION));                 \
        return GMQ_NEXT;                                                                                               \
    }                                                                                                                  \
    GMQ_HANDLER(PUBLISH, on_publish)

#endif
