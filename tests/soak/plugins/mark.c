/* What the soak puts on the way of PUBLISH: it writes into each message which code, of which configuration, has handled
 * it, where and when, and holds back the verdict of some. Built several times, with another MARK_VERSION each.
 *
 * A message of the soak has MARK_AT + sizeof(struct mark) bytes; others pass as they are. */
#include "mark.h"

#include <graftmq/plugin.h>
#include <time.h>

#ifndef MARK_VERSION
#define MARK_VERSION 1
#endif
#define TEXT_OF(value) #value
#define VERSION_TEXT(value) TEXT_OF(value) ".0.0"

GMQ_PLUGIN("mark", VERSION_TEXT(MARK_VERSION));

/* So that versions differ in size, too, and a copy that is mixed of two of them can't work. */
static const uint8_t ballast[MARK_VERSION * 4096] = {MARK_VERSION};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static gmq_verdict on_mark(gmq_call *call, gmq_publish *packet)
{
    gmq_view payload = gmq_publish_payload(packet);
    if (payload.length != MARK_AT + sizeof(struct mark))
        return GMQ_NEXT;
    const volatile uint8_t *version = ballast; /* read from this mapping, each time */
    const struct mark mark = {.handled_ns = now_ns(),
                              .marker = (uint32_t)gmq_settings_integer(gmq_call_arguments(call), "marker", 0),
                              .worker = gmq_call_worker(call),
                              .version = version[0]};
    char *changed = gmq_call_allocate(call, payload.length);
    if (changed == NULL)
        return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    memcpy(changed, payload.data, MARK_AT);
    memcpy(changed + MARK_AT, &mark, sizeof mark);
    gmq_publish_set_payload(call, packet, gmq_view_make(changed, payload.length));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_mark);

static void on_time(gmq_call *call, gmq_timer *timer, void *deferral)
{
    (void)call;
    (void)timer;
    gmq_resume(deferral, GMQ_NEXT);
}

/* The verdict comes a while later, by a timer: of the version that has put it off, though another serves by then. */
static gmq_verdict on_delay(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    gmq_deferral *deferral = gmq_defer(call, 0, GMQ_REJECT);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    uint32_t delay_ms = 1 + (uint32_t)(now_ns() / 1000 % 64);
    if (gmq_timer_start(call, delay_ms, 0, on_time, deferral) == NULL)
        gmq_resume_reject(deferral, GMQ_REASON_UNSPECIFIED_ERROR, "out of memory");
    return GMQ_DEFER;
}
GMQ_HANDLER(PUBLISH, on_delay);

/* For routes that are longer at times. */
static gmq_verdict on_pass(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_pass);

static gmq_verdict on_acknowledgement(gmq_call *call, gmq_puback *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBACK, on_acknowledgement);
