/* Its handler is for another packet. */
#include <graftmq/plugin.h>

GMQ_PLUGIN("zoo", "zoo");

static gmq_verdict on_publish(gmq_call *call, gmq_subscribe *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(SUBSCRIBE, on_publish);
