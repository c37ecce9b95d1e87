/* As the plugin "broker", its name makes this handler the route of PUBLISH; its type is another. */
#include <graftmq/plugin.h>

static gmq_verdict on_publish(gmq_call *call, gmq_subscribe *packet)
{
    (void)call, (void)packet;
    return GMQ_DONE;
}

GMQ_PLUGIN("broker", "1.0.0");
GMQ_HANDLER(SUBSCRIBE, on_publish);
