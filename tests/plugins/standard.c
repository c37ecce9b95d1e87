/* Has handlers and callbacks by the names that make them routes when the plugin is called "broker"; but none for AUTH.
 */
#include <graftmq/plugin.h>

#define STANDARD_HANDLER(TYPE, type)                                                                                   \
    static gmq_verdict on_##type(gmq_call *call, gmq_##type *packet)                                                   \
    {                                                                                                                  \
        (void)call, (void)packet;                                                                                      \
        return GMQ_DONE;                                                                                               \
    }                                                                                                                  \
    GMQ_HANDLER(TYPE, on_##type)

GMQ_PLUGIN("broker", "1.0.0");
STANDARD_HANDLER(CONNECT, connect);
STANDARD_HANDLER(PUBLISH, publish);
STANDARD_HANDLER(PUBACK, puback);
STANDARD_HANDLER(PUBREC, pubrec);
STANDARD_HANDLER(PUBREL, pubrel);
STANDARD_HANDLER(PUBCOMP, pubcomp);
STANDARD_HANDLER(SUBSCRIBE, subscribe);
STANDARD_HANDLER(UNSUBSCRIBE, unsubscribe);
STANDARD_HANDLER(PINGREQ, pingreq);
STANDARD_HANDLER(DISCONNECT, disconnect);

static gmq_verdict on_outgoing_publish(gmq_call *call, gmq_publish *packet)
{
    (void)call, (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_outgoing_publish);

static void on_start(gmq_call *call)
{
    (void)call;
}
GMQ_CALLBACK(START, on_start);
