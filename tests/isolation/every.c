/* Uses what handlers, callbacks, timers, jobs and posted functions may use, and tells on the topic "told/..." what came
 * of it. The message to "do/NAME" says what is done. */
#include <graftmq/plugin.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gmq_status on_load(gmq_plugin *plugin)
{
    char count[16] = "";
    size_t length = gmq_plugin_bytes(plugin, count, sizeof count - 1);
    count[length < sizeof count ? length : 0] = '\0';
    int next = atoi(count) + 1;
    gmq_log(plugin, GMQ_LOG_NOTICE, "loaded for the %d. time", next);
    length = (size_t)snprintf(count, sizeof count, "%d", next);
    return gmq_plugin_set_bytes(plugin, count, length);
}

static void on_unload(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_NOTICE, "unloaded");
}

GMQ_PLUGIN_WITH("every", "1", on_load, on_unload);

__attribute__((format(printf, 3, 4))) static void tell(gmq_call *call, const char *what, const char *format, ...)
{
    char topic[64], text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(topic, sizeof topic, "told/%s", what);
    gmq_publish *message = gmq_publish_new(call, gmq_view_of(topic), gmq_view_make(text, (size_t)length), 1);
    if (message == NULL || gmq_deliver(call, message, NULL) != GMQ_OK)
        gmq_log(gmq_call_plugin(call), GMQ_LOG_ERROR, "%s was not delivered", topic);
}

#define TEXT(view) (int)(view).length, (view).data

static gmq_verdict do_facts(gmq_call *call, gmq_publish *packet)
{
    const gmq_client *client = gmq_call_client(call);
    gmq_view name = gmq_client_identifier(client), user = gmq_client_username(client);
    gmq_view listener = gmq_client_listener(client), peer = gmq_client_peer_address(client);
    gmq_view said = gmq_settings_string(gmq_call_arguments(call), "say.it", "nothing");
    gmq_view set = gmq_settings_string(gmq_call_settings(call), "set", "nothing");
    tell(call, "facts", "%.*s %.*s %u %.*s %.*s %d %.*s %.*s %u/%u", TEXT(name), TEXT(user),
         gmq_client_protocol_version(client), TEXT(listener), TEXT(peer), gmq_client_is_connected(client), TEXT(said),
         TEXT(set), gmq_call_worker(call), gmq_worker_count(gmq_call_plugin(call)));
    (void)packet;
    return GMQ_NEXT;
}

static void timer_fired(gmq_call *call, gmq_timer *timer, void *data)
{
    int *left = data;
    if (--*left > 0)
        return;
    gmq_timer_stop(call, timer);
    tell(call, "timer", "worker %u", gmq_call_worker(call));
    free(left);
}

static gmq_verdict do_timer(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    int *left = malloc(sizeof *left);
    *left = 3;
    return gmq_timer_start(call, 1, 1, timer_fired, left) != NULL ? GMQ_NEXT : GMQ_CLOSE;
}

static void pipe_ready(gmq_call *call, gmq_watch *watch, int descriptor, int events, void *data)
{
    char bytes[16];
    ssize_t count = read(descriptor, bytes, sizeof bytes);
    (void)data;
    gmq_watch_stop(call, watch);
    close(descriptor);
    tell(call, "watch", "%d bytes, events %d", (int)count, events);
}

static gmq_verdict do_watch(gmq_call *call, gmq_publish *packet)
{
    int ends[2];
    (void)packet;
    if (pipe(ends) != 0 || gmq_watch_start(call, ends[0], GMQ_WATCH_READ, pipe_ready, NULL) == NULL)
        return GMQ_CLOSE;
    ssize_t count = write(ends[1], "four", 4);
    close(ends[1]);
    return count == 4 ? GMQ_NEXT : GMQ_CLOSE;
}

static void job_work(void *data)
{
    *(int *)data *= 2;
}

static void job_done(gmq_call *call, void *data)
{
    tell(call, "job", "%d", *(int *)data);
    free(data);
}

static gmq_verdict do_job(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    int *number = malloc(sizeof *number);
    *number = 21;
    return gmq_job_start(call, job_work, job_done, number) == GMQ_OK ? GMQ_NEXT : GMQ_CLOSE;
}

static void posted(gmq_call *call, void *data)
{
    (void)data;
    tell(call, "post", "worker %u", gmq_call_worker(call));
}

static gmq_verdict do_post(gmq_call *call, gmq_publish *packet)
{
    gmq_plugin *plugin = gmq_call_plugin(call);
    (void)packet;
    for (uint32_t i = 0; i < gmq_worker_count(plugin); i++) {
        if (gmq_post(plugin, i, posted, NULL) != GMQ_OK)
            return GMQ_CLOSE;
    }
    return gmq_post(plugin, gmq_worker_count(plugin), posted, NULL) == GMQ_ERROR_ARGUMENT ? GMQ_NEXT : GMQ_CLOSE;
}

/* With the client of that name, or without where there is none. */
static void posted_to_client(gmq_call *call, void *data)
{
    gmq_client *client = gmq_call_client(call);
    gmq_view name = client != NULL ? gmq_client_identifier(client) : GMQ_VIEW("nobody");
    gmq_status sent = GMQ_ERROR_NOT_FOUND;
    if (client != NULL) {
        gmq_publish *message = gmq_publish_new(call, GMQ_VIEW("sent"), GMQ_VIEW("to you"), 1);
        sent = gmq_send(call, client, GMQ_PACKET(message));
    }
    tell(call, "post_to_client", "%.*s %d %s", TEXT(name), sent, (const char *)data);
    free(data);
}

static gmq_verdict do_post_to_client(gmq_call *call, gmq_publish *packet)
{
    gmq_status status =
        gmq_post_to_client(gmq_call_plugin(call), gmq_publish_payload(packet), posted_to_client, strdup("data"));
    return status == GMQ_OK ? GMQ_NEXT : GMQ_CLOSE;
}

static gmq_verdict do_disconnect(gmq_call *call, gmq_publish *packet)
{
    gmq_status status = gmq_disconnect_client(gmq_call_plugin(call), gmq_publish_payload(packet),
                                              GMQ_REASON_ADMINISTRATIVE_ACTION, "by order");
    return status == GMQ_OK ? GMQ_NEXT : GMQ_CLOSE;
}

/* Each time, one more in the client's bytes and in the session's. */
static gmq_verdict do_bytes(gmq_call *call, gmq_publish *packet)
{
    gmq_client *client = gmq_call_client(call);
    char more[16] = "xxxxxxxxxxxxxxx";
    gmq_view own = gmq_client_bytes(call, client), kept = gmq_session_bytes(call, client);
    (void)packet;
    tell(call, "bytes", "%zu %zu", own.length, kept.length);
    if (gmq_client_set_bytes(call, client, gmq_view_make(more, own.length + 1)) != GMQ_OK ||
        gmq_session_set_bytes(call, client, gmq_view_make(more, kept.length + 1)) != GMQ_OK)
        return GMQ_CLOSE;
    own = gmq_client_bytes(call, client);
    return own.length > 0 ? GMQ_NEXT : GMQ_CLOSE;
}

static void resume_later(gmq_call *call, void *data)
{
    (void)call;
    gmq_resume(data, GMQ_NEXT);
}

static void nothing(void *data)
{
    (void)data;
}

/* Deferred, and resumed by a job. */
static gmq_verdict do_defer(gmq_call *call, gmq_publish *packet)
{
    gmq_deferral *deferral = gmq_defer(call, 5000, GMQ_REJECT);
    (void)packet;
    if (deferral == NULL || gmq_defer(call, 1, GMQ_NEXT) != NULL)
        return GMQ_CLOSE;
    (void)gmq_job_start(call, nothing, resume_later, deferral);
    return GMQ_DEFER;
}

/* Deferred, and refused by the broker at the limit that the plugin gave. */
static gmq_verdict do_never(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    return gmq_defer(call, 50, GMQ_REJECT) != NULL ? GMQ_DEFER : GMQ_CLOSE;
}

static gmq_verdict continued(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)data;
    if (call == NULL)
        return GMQ_CLOSE;
    (void)gmq_packet_add_user_property(call, packet, GMQ_VIEW("continued"), GMQ_VIEW("yes"));
    return gmq_publish_set_payload(call, (gmq_publish *)packet, GMQ_VIEW("changed later")) == GMQ_OK ? GMQ_NEXT
                                                                                                     : GMQ_CLOSE;
}

static gmq_verdict do_continue(gmq_call *call, gmq_publish *packet)
{
    gmq_deferral *deferral = gmq_defer(call, 0, GMQ_REJECT);
    (void)packet;
    gmq_resume_with(deferral, continued, NULL);
    return GMQ_DEFER;
}

static gmq_verdict do_reject(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    return gmq_reject(call, GMQ_REASON_QUOTA_EXCEEDED, "enough");
}

static gmq_verdict do_close(gmq_call *call, gmq_publish *packet)
{
    (void)packet;
    return gmq_close(call, GMQ_REASON_ADMINISTRATIVE_ACTION, "go");
}

static gmq_verdict do_nonsense(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    (void)packet;
    return (gmq_verdict)77;
}

static const struct {
    const char *topic;
    gmq_verdict (*act)(gmq_call *call, gmq_publish *packet);
} acts[] = {
    {"do/facts", do_facts},
    {"do/timer", do_timer},
    {"do/watch", do_watch},
    {"do/job", do_job},
    {"do/post", do_post},
    {"do/post_to_client", do_post_to_client},
    {"do/disconnect", do_disconnect},
    {"do/bytes", do_bytes},
    {"do/defer", do_defer},
    {"do/never", do_never},
    {"do/continue", do_continue},
    {"do/reject", do_reject},
    {"do/close", do_close},
    {"do/nonsense", do_nonsense},
};

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (gmq_view_equals(gmq_publish_topic(packet), acts[i].topic))
            return acts[i].act(call, packet);
    }
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);

/* Refuses a filter, and narrows another. */
static gmq_verdict on_subscribe(gmq_call *call, gmq_subscribe *packet)
{
    gmq_subscription entry = {.size = sizeof entry};
    for (size_t i = 0; gmq_subscribe_at(packet, i, &entry); i++) {
        if (gmq_view_equals(entry.topic_filter, "secret/#"))
            (void)gmq_subscribe_refuse(packet, i, GMQ_REASON_NOT_AUTHORIZED);
        entry.maximum_qos = entry.maximum_qos > 1 ? 1 : entry.maximum_qos;
        (void)gmq_subscribe_set(call, packet, i, &entry);
    }
    return GMQ_NEXT;
}
GMQ_HANDLER(SUBSCRIBE, on_subscribe);

static void on_open(gmq_call *call)
{
    gmq_client *client = gmq_call_client(call);
    if (gmq_view_equals(gmq_client_listener(client), "banned"))
        gmq_client_close(call, client, GMQ_REASON_BANNED, "not here");
}
GMQ_CALLBACK(OPEN, on_open);

static void on_close(gmq_call *call)
{
    gmq_client *client = gmq_call_client(call);
    gmq_view name = gmq_client_identifier(client);
    gmq_view bytes = gmq_client_bytes(call, client);
    (void)gmq_session_set_bytes(call, client, GMQ_VIEW("set at the end"));
    tell(call, "close", "%.*s %zu", TEXT(name), bytes.length);
}
GMQ_CALLBACK(CLOSE, on_close);

static void on_session_end(gmq_call *call)
{
    gmq_view name = gmq_client_identifier(gmq_call_client(call));
    gmq_view bytes = gmq_session_bytes(call, gmq_call_client(call));
    tell(call, "session_end", "%.*s %.*s", TEXT(name), TEXT(bytes));
}
GMQ_CALLBACK(SESSION_END, on_session_end);

static void on_start(gmq_call *call)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "start on worker %u", gmq_call_worker(call));
}
GMQ_CALLBACK(START, on_start);

static void on_worker_start(gmq_call *call)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "worker %u starts", gmq_call_worker(call));
}
GMQ_CALLBACK(WORKER_START, on_worker_start);

static void on_worker_stop(gmq_call *call)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "worker %u stops", gmq_call_worker(call));
}
GMQ_CALLBACK(WORKER_STOP, on_worker_stop);

static void on_reload(gmq_call *call)
{
    tell(call, "reload", "worker %u", gmq_call_worker(call));
}
GMQ_CALLBACK(RELOAD, on_reload);

static void on_tick(gmq_call *call)
{
    tell(call, "tick", "worker %u", gmq_call_worker(call));
}
GMQ_CALLBACK(TICK, on_tick);
