/* A well-behaved plugin. Its second version answers GMQ_DONE where the first says GMQ_NEXT. */
#include "trace.h"

#include <graftmq/plugin.h>

#ifndef SHOP_VERSION
#define SHOP_VERSION "1.0.0"
#define SHOP_VERDICT GMQ_NEXT
#endif

static gmq_status load(gmq_plugin *plugin)
{
    (void)plugin;
    trace("load shop " SHOP_VERSION);
    return GMQ_OK;
}

static void unload(gmq_plugin *plugin)
{
    (void)plugin;
    trace("unload shop " SHOP_VERSION);
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)call, (void)packet;
    return SHOP_VERDICT;
}

static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    (void)call, (void)packet;
    return GMQ_DONE;
}

static void on_close(gmq_call *call)
{
    (void)call;
    trace("close shop " SHOP_VERSION);
}

GMQ_PLUGIN_WITH("shop", SHOP_VERSION, load, unload);
GMQ_HANDLER(PUBLISH, on_publish);
GMQ_HANDLER(SUBSCRIBE, on_subscribe);
GMQ_CALLBACK(CLOSE, on_close);
