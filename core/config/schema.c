#include "config/schema.h"

#include "config/config.h"
#include "config/store.h"

static const char *const auto_choice[] = {"auto", NULL};
static const char *const version_choices[] = {"3.1", "3.1.1", "5.0", NULL};
static const char *const verdict_choices[] = {"next", "reject", "close", NULL};
static const char *const format_choices[] = {"text", "json", NULL};
static const char *const level_choices[] = {"error", "warning", "notice", "info", "debug", NULL};

/* ---- listeners ---- */

static const struct schema_key listener_keys[] = {
    {.name = "name",
     .text = "What conditions and the log call it. Unique.",
     .kinds = KIND_TEXT,
     .form = &form_name,
     .is_required = true,
     .store = store_text,
     .offset = offsetof(struct config_listener, name)},
    {.name = "bind",
     .text = "`localhost` (IPv4 and IPv6), `*` (all addresses), an IPv4 or IPv6 address, or the path of a unix socket, "
             "which "
             "contains a `/`.",
     .kinds = KIND_TEXT,
     .preset = "\"localhost\"",
     .form = &form_not_empty,
     .store = store_bind},
    {.name = "port",
     .text = "TCP port; 0 lets the system choose one. Not for unix sockets.",
     .kinds = KIND_NUMBER,
     .preset = "1883",
     .largest = 65535,
     .store = store_u16,
     .offset = offsetof(struct config_listener, port)},
    {.name = "mode",
     .text = "Permissions of a unix socket, in octal. Only for unix sockets.",
     .kinds = KIND_TEXT,
     .preset = "\"0660\"",
     .form = &form_mode,
     .store = store_mode},
    {.name = NULL}};

static const struct schema_key listener = {.text = "A socket on which clients are accepted.",
                                           .kinds = KIND_OBJECT,
                                           .keys = listener_keys,
                                           .store = store_listener};

/* ---- plugins ---- */

static const struct schema_key isolation_keys[] = {
    {.name = "processes",
     .text = "Processes for the plugin. The workers are shared out among them: worker W has process W modulo this.",
     .kinds = KIND_NUMBER,
     .preset = "1",
     .smallest = 1,
     .largest = CONFIG_WORKERS_MAX,
     .store = store_u32,
     .offset = offsetof(struct config_isolation, processes)},
    {.name = "start_ms",
     .text = "Time from the start of a process until its load function has run. Then it is killed.",
     .kinds = KIND_NUMBER,
     .preset = "10000",
     .smallest = 10,
     .largest = 600000,
     .store = store_u32,
     .offset = offsetof(struct config_isolation, start_ms)},
    {.name = "hang_ms",
     .text = "Time that a process which has calls to answer may be silent. Then it is killed. A handler that needs "
             "longer defers its verdict.",
     .kinds = KIND_NUMBER,
     .preset = "5000",
     .smallest = 10,
     .largest = 600000,
     .store = store_u32,
     .offset = offsetof(struct config_isolation, hang_ms)},
    {.name = "pending_calls",
     .text = "Calls of one worker that may be without an answer. Further ones are answered as `on_fault` says.",
     .kinds = KIND_NUMBER,
     .preset = "10000",
     .smallest = 1,
     .largest = 1000000,
     .store = store_u32,
     .offset = offsetof(struct config_isolation, pending_calls)},
    {.name = "pending_bytes",
     .text = "Bytes for one worker that its process may have left unread. Further calls are answered as `on_fault` "
             "says.",
     .kinds = KIND_NUMBER,
     .preset = "67108864",
     .smallest = 65536,
     .largest = 1099511627776,
     .store = store_u64,
     .offset = offsetof(struct config_isolation, pending_bytes)},
    {.name = NULL}};

static const struct schema_key plugin_keys[] = {
    {.name = "path",
     .text =
         "The `.so` file. A relative path is looked for in the folder of the configuration file, then in the plugin "
         "folder of the installation.",
     .kinds = KIND_TEXT,
     .form = &form_not_empty,
     .is_required = true,
     .store = store_plugin_path},
    {.name = "settings",
     .text = "Any object. The plugin reads it.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .store = store_settings,
     .offset = offsetof(struct config_plugin, settings)},
    {.name = "isolate",
     .text = "`true`, or an object: the plugin runs in a process of its own, so that it can't take the broker with it. "
             "Its handlers can't be in `outgoing`.",
     .kinds = KIND_BOOLEAN | KIND_OBJECT,
     .preset = "false",
     .keys = isolation_keys,
     .store = store_isolation,
     .offset = offsetof(struct config_plugin, isolation)},
    {.name = NULL}};

static const struct schema_key plugin = {.text = "A plugin, by the name that routes call it.",
                                         .kinds = KIND_OBJECT,
                                         .keys = plugin_keys,
                                         .store = store_plugin};

/* ---- routes and callbacks ---- */

static const struct schema_key topic_element = {.kinds = KIND_TEXT, .form = &form_topic_filter};
static const struct schema_key listener_element = {.kinds = KIND_TEXT, .form = &form_name};
static const struct schema_key version_element = {.kinds = KIND_TEXT, .choices = version_choices};

static const struct schema_key defer_keys[] = {
    {.name = "limit_ms",
     .text = "Time limit of a deferred verdict, over what the handler says. Without it and the handler's: "
             "`limits.deferral_ms`.",
     .kinds = KIND_NUMBER,
     .smallest = 1,
     .largest = 3600000,
     .store = store_u32,
     .offset = offsetof(struct config_entry, defer_ms)},
    {.name = "at_limit",
     .text =
         "What happens then, over what the handler says: on to the `next` handler, `reject` the packet, `close` the "
         "connection.",
     .kinds = KIND_TEXT,
     .choices = verdict_choices,
     .store = store_verdict,
     .offset = offsetof(struct config_entry, defer_at_limit)},
    {.name = NULL}};

static const struct schema_key entry_keys[] = {
    {.name = "handler",
     .text = "`PLUGIN:HANDLER`, a function that the plugin exports for this packet type or event.",
     .kinds = KIND_TEXT,
     .form = &form_handler,
     .is_required = true,
     .store = store_handler},
    {.name = "topics",
     .text = "Only packets with a topic (PUBLISH) or filter (SUBSCRIBE, UNSUBSCRIBE) that one of these filters "
             "matches. Only "
             "for these three types.",
     .kinds = KIND_LIST,
     .element = &topic_element,
     .smallest = 1,
     .largest = CONFIG_TOPICS_MAX,
     .needs = HAS_TOPICS,
     .elsewhere = "only PUBLISH, SUBSCRIBE and UNSUBSCRIBE have topics to compare; remove it",
     .store = store_topics},
    {.name = "listeners",
     .text = "Only clients of these listeners, by name. Not for events without a connection.",
     .kinds = KIND_LIST,
     .element = &listener_element,
     .smallest = 1,
     .largest = CONFIG_LISTENERS_MAX,
     .needs = HAS_LISTENER,
     .elsewhere = "this event has no connection, so no listener; remove it",
     .store = store_listener_set},
    {.name = "versions",
     .text = "Only clients of these protocol versions: `3.1`, `3.1.1`, `5.0`. Of events, only for `close`.",
     .kinds = KIND_LIST,
     .element = &version_element,
     .smallest = 1,
     .largest = 3,
     .needs = HAS_VERSION,
     .elsewhere = "the protocol version is not known at this event; remove it",
     .store = store_versions},
    {.name = "args",
     .text = "Any object. The handler reads it.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .store = store_settings,
     .offset = offsetof(struct config_entry, arguments)},
    {.name = "defer",
     .text = "What holds when the handler defers its verdict. Only in `routes`.",
     .kinds = KIND_OBJECT,
     .keys = defer_keys,
     .needs = IN_ROUTES,
     .elsewhere = "only packets from clients (\"routes\") can be deferred; remove it",
     .store = store_object},
    {.name = "on_fault",
     .text =
         "What becomes of a packet when the isolated plugin that has it crashes, hangs or is being restarted: on to "
         "the `next` handler, `reject` the packet, `close` the connection. Only in `routes`.",
     .kinds = KIND_TEXT,
     .preset = "\"reject\"",
     .choices = verdict_choices,
     .needs = IN_ROUTES,
     .elsewhere = "only packets from clients (\"routes\") go to isolated plugins; remove it",
     .store = store_verdict,
     .offset = offsetof(struct config_entry, on_fault)},
    {.name = "budget_us",
     .text = "Time that one call of the handler may take before it is counted and logged as an overrun. Without it: "
             "`limits.budget_us`.",
     .kinds = KIND_NUMBER,
     .smallest = 10,
     .largest = 3600000000,
     .store = store_u32,
     .offset = offsetof(struct config_entry, budget_us)},
    {.name = NULL}};

const struct schema_key schema_entry = {.text =
                                            "A handler: `PLUGIN:HANDLER`, or an object with conditions and arguments.",
                                        .kinds = KIND_TEXT | KIND_OBJECT,
                                        .form = &form_handler,
                                        .keys = entry_keys,
                                        .store = store_entry};

/* What packets.def says of who sends a type, as the contexts that the type needs and the error outside of them. */
#define NEEDS_CLIENT IN_ROUTES
#define NEEDS_BROKER IN_OUTGOING
#define NEEDS_BOTH 0
#define ELSEWHERE_CLIENT "this packet is sent by clients only; move it to \"routes\""
#define ELSEWHERE_BROKER "this packet is sent by the broker only; move it to \"outgoing\""
#define ELSEWHERE_BOTH NULL
#define WITH_TOPICS(type)                                                                                              \
    ((type) == GMQ_PUBLISH || (type) == GMQ_SUBSCRIBE || (type) == GMQ_UNSUBSCRIBE ? (uint32_t)HAS_TOPICS : 0U)
#define STEPS(which)                                                                                                   \
    .kinds = KIND_TEXT | KIND_OBJECT | KIND_LIST, .element = &schema_entry, .smallest = 1,                             \
    .largest = CONFIG_ENTRIES_MAX, .store = store_route, .offset = sizeof(struct config_route) * (which)

const struct schema_key schema_packets[] = {
#define PACKET(number, packet_name, structure, flags, who)                                                             \
    {.name = #packet_name,                                                                                             \
     .text = "The handlers of " #packet_name ", in order.",                                                            \
     STEPS(number),                                                                                                    \
     .needs = NEEDS_##who,                                                                                             \
     .elsewhere = ELSEWHERE_##who,                                                                                     \
     .gives = WITH_TOPICS(number)},
#include "mqtt/packets.def"
#undef PACKET
    {.name = NULL}};

#define EVENT(event_name, event, context, sentence)                                                                    \
    {                                                                                                                  \
        .name = event_name, .text = sentence, STEPS(event), .gives = (context)                                         \
    }

const struct schema_key schema_events[] = {
    EVENT("start", GMQ_EVENT_START, 0, "The broker accepts connections. Once per process, on worker 0."),
    EVENT("worker_start", GMQ_EVENT_WORKER_START, 0, "On each worker, before it runs other code of the plugin."),
    EVENT("open", GMQ_EVENT_OPEN, HAS_LISTENER, "A connection was accepted."),
    EVENT("close", GMQ_EVENT_CLOSE, HAS_LISTENER | HAS_VERSION, "A connection is about to be gone."),
    EVENT("session_end", GMQ_EVENT_SESSION_END, 0, "A session is about to be discarded."),
    EVENT("tick", GMQ_EVENT_TICK, 0, "Once per second, on each worker."),
    EVENT("reload", GMQ_EVENT_RELOAD, 0, "A new configuration serves. On worker 0."),
    EVENT("worker_stop", GMQ_EVENT_WORKER_STOP, 0, "On each worker, after it ran other code of the plugin."),
    EVENT("stop", GMQ_EVENT_STOP, 0, "The broker is about to end. Once per process, on worker 0."),
    {.name = NULL}};

/* ---- the rest ---- */

static const struct schema_key limit_keys[] = {
#define LIMIT(key, default_value, smallest_value, largest_value, sentence)                                             \
    {.name = #key,                                                                                                     \
     .text = sentence,                                                                                                 \
     .kinds = KIND_NUMBER,                                                                                             \
     .preset = #default_value,                                                                                         \
     .smallest = smallest_value,                                                                                       \
     .largest = largest_value,                                                                                         \
     .store = store_u64,                                                                                               \
     .offset = offsetof(struct config_limits, key)},
#include "config/limits.def"
#undef LIMIT
    {.name = NULL}};

static const struct schema_key log_keys[] = {{.name = "format",
                                              .text = "Lines for people (`text`) or for machines (`json`).",
                                              .kinds = KIND_TEXT,
                                              .preset = "\"text\"",
                                              .choices = format_choices,
                                              .store = store_choice,
                                              .offset = offsetof(struct config, log_format)},
                                             {.name = "level",
                                              .text = "The least severe level that is written.",
                                              .kinds = KIND_TEXT,
                                              .preset = "\"notice\"",
                                              .choices = level_choices,
                                              .store = store_choice,
                                              .offset = offsetof(struct config, log_level)},
                                             {.name = "file",
                                              .text = "The file to append to. Without it: standard error.",
                                              .kinds = KIND_TEXT,
                                              .form = &form_not_empty,
                                              .store = store_text,
                                              .offset = offsetof(struct config, log_file)},
                                             {.name = NULL}};

static const struct schema_key control_keys[] = {
    {.name = "path",
     .text = "The unix socket that `graftctl` connects to, of mode 0600, or `none`. Without it: a socket in the "
             "process's own folder of private files, which `graftctl` finds. A change needs a restart.",
     .kinds = KIND_TEXT,
     .form = &form_control,
     .store = store_control_path},
    {.name = NULL}};

/* Listeners and plugins come before the routes that name them. */
static const struct schema_key root_keys[] = {
    {.name = "$schema",
     .text = "The path of `graftmq.schema.json`, for editors. The broker doesn't read it.",
     .kinds = KIND_TEXT},
    {.name = "workers",
     .text = "Threads that serve clients, or `auto` for one per processor. A change needs a restart.",
     .kinds = KIND_NUMBER | KIND_TEXT,
     .preset = "1",
     .choices = auto_choice,
     .smallest = 1,
     .largest = CONFIG_WORKERS_MAX,
     .store = store_workers},
    {.name = "listeners",
     .text = "Where clients can connect.",
     .kinds = KIND_LIST,
     .preset = "[{\"name\": \"mqtt\", \"bind\": \"localhost\", \"port\": 1883}]",
     .element = &listener,
     .smallest = 1,
     .largest = CONFIG_LISTENERS_MAX,
     .store = store_listeners},
    {.name = "plugins",
     .text = "The plugins to load, each under a name of your choice.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .element = &plugin,
     .names = &form_name,
     .largest = CONFIG_PLUGINS_MAX,
     .store = store_plugins},
    {.name = "routes",
     .text =
         "For each packet type that clients send: its handlers, in order. A type that is not named goes to the plugin "
         "`broker`.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .keys = schema_packets,
     .gives = IN_ROUTES | HAS_LISTENER | HAS_VERSION,
     .store = store_object,
     .offset = offsetof(struct config, incoming)},
    {.name = "outgoing",
     .text = "The same for packets that the broker is about to send.",
     .kinds = KIND_OBJECT,
     .keys = schema_packets,
     .gives = IN_OUTGOING | HAS_LISTENER | HAS_VERSION,
     .store = store_object,
     .offset = offsetof(struct config, outgoing)},
    {.name = "callbacks",
     .text = "The same for events in the life of the broker and its clients.",
     .kinds = KIND_OBJECT,
     .keys = schema_events,
     .gives = IN_CALLBACKS,
     .store = store_object,
     .offset = offsetof(struct config, callbacks)},
    {.name = "limits",
     .text = "Bounds of what clients and plugins may take.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .keys = limit_keys,
     .store = store_limits,
     .offset = offsetof(struct config, limits)},
    {.name = "log",
     .text = "The broker's log.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .keys = log_keys,
     .store = store_object},
    {.name = "control",
     .text = "Where the broker can be looked at and told what to do while it runs.",
     .kinds = KIND_OBJECT,
     .preset = "{}",
     .keys = control_keys,
     .store = store_object},
    {.name = NULL}};

const struct schema_key schema_root = {
    .text = "The configuration of GraftMQ.", .kinds = KIND_OBJECT, .keys = root_keys, .store = store_object};
