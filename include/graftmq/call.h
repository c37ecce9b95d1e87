/* What a handler can learn from its call, and the verdicts that carry more than a word.
 *
 * A call, its packet and its client may be used on the worker's thread until the handler returns; a deferred call until
 * it is resumed, and then only from the continuation. Functions marked "any thread" are free of that. */
#ifndef GRAFTMQ_CALL_H
#define GRAFTMQ_CALL_H

#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the call ---- */

/* The client that sent the packet or will get it; NULL where a call has none (timers, START, TICK ...). */
GMQ_EXPORT gmq_client *gmq_call_client(const gmq_call *call);

/* The loaded plugin to which the running function belongs. Valid until its unload function has returned. */
GMQ_EXPORT gmq_plugin *gmq_call_plugin(const gmq_call *call);

/* Whether the packet comes from the client or goes to it. */
GMQ_EXPORT gmq_direction gmq_call_direction(const gmq_call *call);

/* The number of the worker that runs the call, from 0. */
GMQ_EXPORT uint32_t gmq_call_worker(const gmq_call *call);

/* The worker's libev loop, for libraries that bring a libev adapter. Watchers that a plugin starts on it by itself must
 * be stopped by it in its WORKER_STOP callback; gmq_timer_start() and gmq_watch_start() do that on their own. */
struct ev_loop;
GMQ_EXPORT struct ev_loop *gmq_call_loop(const gmq_call *call);

/* "args" of the route entry that led here (an empty object if it has none), and the plugin's "settings". Valid as long
 * as the plugin stays loaded. */
GMQ_EXPORT const gmq_settings *gmq_call_arguments(const gmq_call *call);
GMQ_EXPORT const gmq_settings *gmq_call_settings(const gmq_call *call);

/* `size` bytes that live as long as the call, aligned for any type, not cleared; NULL when memory is out. */
GMQ_EXPORT void *gmq_call_allocate(gmq_call *call, size_t size);

/* ---- settings ---- */

/* A value below `settings`, found by a path of keys joined by dots ("price.currency"). The fallback is returned where
 * there is none or it has another type. A string lives as long as `settings`. Any thread. */
GMQ_EXPORT gmq_view gmq_settings_string(const gmq_settings *settings, const char *path, const char *fallback);
GMQ_EXPORT int64_t gmq_settings_integer(const gmq_settings *settings, const char *path, int64_t fallback);
GMQ_EXPORT double gmq_settings_real(const gmq_settings *settings, const char *path, double fallback);
GMQ_EXPORT bool gmq_settings_boolean(const gmq_settings *settings, const char *path, bool fallback);

/* The whole object as JSON text, for a plugin that parses it itself. Lives as long as `settings`. */
GMQ_EXPORT gmq_view gmq_settings_json(const gmq_settings *settings);

/* ---- verdicts ---- */

/* Refuses the packet: the broker answers as the standard provides (CONNECT: CONNACK and close; PUBLISH: PUBACK or
 * PUBREC with the reason; SUBSCRIBE, UNSUBSCRIBE: the reason for each filter; others: DISCONNECT with the reason).
 * A 3.1 or 3.1.1 client gets the nearest thing its version has; a refused PUBLISH is acknowledged and dropped. `text`
 * becomes the reason string where the client wants one; NULL for none. `reason` is one of 0x80 and above. */
GMQ_EXPORT gmq_verdict gmq_reject(gmq_call *call, gmq_reason reason, const char *text);

/* Closes the connection. An MQTT 5.0 client gets DISCONNECT with `reason` first, unless `reason` is 0. */
GMQ_EXPORT gmq_verdict gmq_close(gmq_call *call, gmq_reason reason, const char *text);

/* Puts the verdict off. Return GMQ_DEFER after it, and call one of the gmq_resume functions exactly once, from any
 * thread. Until then the client's later packets wait; no other client notices. After `limit_ms` (0: the configured
 * default) the broker goes on with `at_limit` (GMQ_NEXT, GMQ_REJECT with 0x89 or the nearest reason that the packet's
 * answer has, or GMQ_CLOSE) by itself; a late resume has no effect, but must still be called, as it frees the deferral.
 * NULL when memory is out or for outgoing packets, which can't be deferred: answer something else then. */
GMQ_EXPORT gmq_deferral *gmq_defer(gmq_call *call, uint32_t limit_ms, gmq_verdict at_limit);

/* Gives the verdict of a deferred call: GMQ_NEXT, GMQ_DONE or GMQ_CLOSE, or a rejection. `text` is copied. Frees
 * `deferral`. Any thread. */
GMQ_EXPORT void gmq_resume(gmq_deferral *deferral, gmq_verdict verdict);
GMQ_EXPORT void gmq_resume_reject(gmq_deferral *deferral, gmq_reason reason, const char *text);

/* Has `continuation` run on the client's worker with the deferred call and its packet; its verdict counts. If the
 * client is gone or the limit has passed it runs with a NULL call and packet, only to release `data`. Any thread. */
typedef gmq_verdict gmq_continuation(gmq_call *call, gmq_packet *packet, void *data);
GMQ_EXPORT void gmq_resume_with(gmq_deferral *deferral, gmq_continuation *continuation, void *data);

/* The deferral under which a client's packet waits, so that e.g. an AUTH handler can resume a deferred CONNECT; NULL if
 * none does, or the connection is closing: who must resume it then (it is never freed else) keeps the pointer in the
 * client's bytes. Any version of any plugin may resume it. */
GMQ_EXPORT gmq_deferral *gmq_client_deferral(const gmq_call *call, const gmq_client *client);

/* ---- log ---- */

/* Writes a line to the broker's log, marked with the plugin's name. Any thread. */
GMQ_EXPORT void gmq_log(const gmq_plugin *plugin, gmq_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the plugin itself ---- */

/* The name that the configuration gives the plugin. Any thread. */
GMQ_EXPORT gmq_view gmq_plugin_name(const gmq_plugin *plugin);

/* As gmq_call_settings(); for load functions. Any thread. */
GMQ_EXPORT const gmq_settings *gmq_plugin_settings(const gmq_plugin *plugin);

/* Bytes that the broker keeps under the plugin's configured name, for the next version of it. Reading copies up to
 * `capacity` bytes to `bytes` and returns the stored length (0: nothing stored); writing replaces all. In preflight
 * reads see what the running broker had, and writes are dropped. Any thread. */
GMQ_EXPORT size_t gmq_plugin_bytes(const gmq_plugin *plugin, void *bytes, size_t capacity);

/* The same, and their layout: what GMQ_BYTES of the version said that wrote them; 0 if it said nothing, or there are
 * none. Bytes of a layout that this version does not read are as none. Since 1.1. */
GMQ_EXPORT size_t gmq_plugin_bytes_layout(const gmq_plugin *plugin, void *bytes, size_t capacity, uint32_t *layout);
GMQ_EXPORT gmq_status gmq_plugin_set_bytes(gmq_plugin *plugin, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
