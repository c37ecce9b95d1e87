/* Handlers that do nothing but be called: what the way through a route costs. */
#include <graftmq/plugin.h>

GMQ_PLUGIN("toll", "1.0.0");

static gmq_verdict on_pass(gmq_call *call, gmq_publish *packet)
{
    (void)call, (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_pass);

/* A verdict that is put off, and given before the handler returns: the least that a deferral can cost. */
static gmq_verdict on_defer(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    gmq_deferral *deferral = gmq_defer(call, 0, GMQ_NEXT);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    gmq_resume(deferral, GMQ_NEXT);
    return GMQ_DEFER;
}
GMQ_HANDLER(PUBLISH, on_defer);

static void resume(void *data)
{
    gmq_resume(data, GMQ_NEXT);
}

/* A verdict that a thread of the pool gives: there, and back. */
static gmq_verdict on_defer_to_pool(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    gmq_deferral *deferral = gmq_defer(call, 0, GMQ_NEXT);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    if (gmq_job_start(call, resume, NULL, deferral) != GMQ_OK)
        gmq_resume_reject(deferral, GMQ_REASON_SERVER_BUSY, NULL);
    return GMQ_DEFER;
}
GMQ_HANDLER(PUBLISH, on_defer_to_pool);
