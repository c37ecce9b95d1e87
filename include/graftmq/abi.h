/* What a plugin exports: one descriptor, and one record per handler or callback. All of them are data, made by the
 * macros at the end of this file.
 *
 *     GMQ_PLUGIN("shop", "1.2.0");
 *     GMQ_HANDLER(PUBLISH, on_price);
 *     GMQ_CALLBACK(CLOSE, on_close);
 *
 * A record carries the packet type of its function, so the compiler complains about a function of another type
 * (-Werror=incompatible-pointer-types makes that an error in C), and the broker refuses to put it on another packet's
 * route. */
#ifndef GRAFTMQ_ABI_H
#define GRAFTMQ_ABI_H

#include <graftmq/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. A change that breaks plugins raises major, an addition raises minor. The broker
 * loads a plugin whose major is its own and whose minor is not above its own. */
#define GMQ_ABI_MAJOR 1
#define GMQ_ABI_MINOR 1

/* First bytes of a descriptor ("GrMQ"), of a record ("GrMR") and of what GMQ_BYTES makes ("GrML"). */
#define GMQ_PLUGIN_MAGIC 0x47724D51u
#define GMQ_RECORD_MAGIC 0x47724D52u
#define GMQ_LAYOUT_MAGIC 0x47724D4Cu

/* Runs when the plugin was loaded, before any handler, on the thread that loads (never a worker). Anything but GMQ_OK
 * refuses the whole reload: say why with gmq_log(). It also runs in the preflight's own process, where nothing is
 * served: it must not count on being followed by a handler. */
typedef gmq_status gmq_load_function(gmq_plugin *plugin);

/* Runs when the last packet, timer, watch and job of this loaded plugin is over, on the thread that loads. After it
 * the code is unmapped: threads that the plugin started must have ended. */
typedef void gmq_unload_function(gmq_plugin *plugin);

typedef struct gmq_plugin_descriptor {
    uint32_t magic;     /* GMQ_PLUGIN_MAGIC */
    uint16_t abi_major; /* GMQ_ABI_MAJOR of the header it was compiled with */
    uint16_t abi_minor;
    size_t size; /* of this struct */
    const char *name;
    const char *version;
    gmq_load_function *load;     /* or NULL */
    gmq_unload_function *unload; /* or NULL */
} gmq_plugin_descriptor;

/* The layouts of the bytes that the broker keeps for the plugin: see GMQ_BYTES. Since 1.1. */
typedef struct gmq_bytes_layouts {
    uint32_t magic; /* GMQ_LAYOUT_MAGIC */
    uint32_t written;
    uint32_t oldest; /* that can be read */
    uint32_t newest;
} gmq_bytes_layouts;

/* What is in front of every record; the typed function follows it. */
typedef struct gmq_record {
    uint32_t magic;  /* GMQ_RECORD_MAGIC */
    uint16_t kind;   /* GMQ_RECORD_HANDLER or GMQ_RECORD_CALLBACK */
    uint16_t number; /* the gmq_packet_type, or the gmq_event */
    size_t size;     /* of the whole record */
    const char *name;
} gmq_record;

enum { GMQ_RECORD_HANDLER = 1, GMQ_RECORD_CALLBACK = 2 };

/* The type of a handler of each packet type, and of its record. */
#define GMQ_DECLARE_HANDLER_RECORD(TYPE, packet_struct)                                                                \
    typedef gmq_verdict gmq_handler_##TYPE(gmq_call *call, packet_struct *packet);                                     \
    typedef struct gmq_record_##TYPE {                                                                                 \
        gmq_record record;                                                                                             \
        gmq_handler_##TYPE *function;                                                                                  \
    } gmq_record_##TYPE

GMQ_DECLARE_HANDLER_RECORD(CONNECT, gmq_connect);
GMQ_DECLARE_HANDLER_RECORD(CONNACK, gmq_connack);
GMQ_DECLARE_HANDLER_RECORD(PUBLISH, gmq_publish);
GMQ_DECLARE_HANDLER_RECORD(PUBACK, gmq_puback);
GMQ_DECLARE_HANDLER_RECORD(PUBREC, gmq_pubrec);
GMQ_DECLARE_HANDLER_RECORD(PUBREL, gmq_pubrel);
GMQ_DECLARE_HANDLER_RECORD(PUBCOMP, gmq_pubcomp);
GMQ_DECLARE_HANDLER_RECORD(SUBSCRIBE, gmq_subscribe);
GMQ_DECLARE_HANDLER_RECORD(SUBACK, gmq_suback);
GMQ_DECLARE_HANDLER_RECORD(UNSUBSCRIBE, gmq_unsubscribe);
GMQ_DECLARE_HANDLER_RECORD(UNSUBACK, gmq_unsuback);
GMQ_DECLARE_HANDLER_RECORD(PINGREQ, gmq_pingreq);
GMQ_DECLARE_HANDLER_RECORD(PINGRESP, gmq_pingresp);
GMQ_DECLARE_HANDLER_RECORD(DISCONNECT, gmq_disconnect);
GMQ_DECLARE_HANDLER_RECORD(AUTH, gmq_auth);

/* A callback's function. `client` of the call is the client that the event is about: OPEN, CLOSE, and SESSION_END
 * (where only its identifier and its session's bytes can be read); in all others the call has no client. */
typedef void gmq_callback(gmq_call *call);

typedef struct gmq_record_callback {
    gmq_record record;
    gmq_callback *function;
} gmq_record_callback;

#ifdef __cplusplus
#define GMQ_EXPORTED_CONST extern "C" GMQ_EXPORT const
#define GMQ_DECLARED_FIRST(declaration) extern "C" GMQ_EXPORT declaration
#else
#define GMQ_EXPORTED_CONST GMQ_EXPORT const
#define GMQ_DECLARED_FIRST(declaration) extern GMQ_EXPORT declaration
#endif

/* The plugin's name and version. Once per plugin; GMQ_PLUGIN_WITH also names its load and unload functions (either
 * may be NULL). */
#define GMQ_PLUGIN(name, version) GMQ_PLUGIN_WITH(name, version, NULL, NULL)
#define GMQ_PLUGIN_WITH(name, version, load, unload)                                                                   \
    GMQ_DECLARED_FIRST(const gmq_plugin_descriptor gmq_plugin_exported);                                               \
    GMQ_EXPORTED_CONST gmq_plugin_descriptor gmq_plugin_exported = {                                                   \
        GMQ_PLUGIN_MAGIC, GMQ_ABI_MAJOR, GMQ_ABI_MINOR, sizeof(gmq_plugin_descriptor), name, version, load, unload}

/* The layout in which this version of the plugin writes the bytes that the broker keeps for it (with the plugin, with
 * clients and with sessions), and the oldest and the newest layout that it reads. Raise `written` when the layout
 * changes. A reload to a version that can't read what is kept at that moment is refused, and later ones are not shown
 * to it. Once per plugin; without it all three are 0, and 0 is what a version without it has written. */
#define GMQ_BYTES(written, oldest, newest)                                                                             \
    GMQ_DECLARED_FIRST(const gmq_bytes_layouts gmq_bytes_exported);                                                    \
    GMQ_EXPORTED_CONST gmq_bytes_layouts gmq_bytes_exported = {GMQ_LAYOUT_MAGIC, written, oldest, newest}

/* Exports `function` as a handler of packets of TYPE (PUBLISH, CONNECT, ...). In the configuration it is called
 * "plugin:function". */
#define GMQ_HANDLER(TYPE, function)                                                                                    \
    GMQ_DECLARED_FIRST(const gmq_record_##TYPE gmq_exported_##function);                                               \
    GMQ_EXPORTED_CONST gmq_record_##TYPE gmq_exported_##function = {                                                   \
        {GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_##TYPE, sizeof(gmq_record_##TYPE), #function}, function}

/* Exports `function` as a callback for EVENT (START, OPEN, CLOSE, ...). */
#define GMQ_CALLBACK(EVENT, function)                                                                                  \
    GMQ_DECLARED_FIRST(const gmq_record_callback gmq_exported_##function);                                             \
    GMQ_EXPORTED_CONST gmq_record_callback gmq_exported_##function = {                                                 \
        {GMQ_RECORD_MAGIC, GMQ_RECORD_CALLBACK, GMQ_EVENT_##EVENT, sizeof(gmq_record_callback), #function}, function}

#ifdef __cplusplus
}
#endif

#endif
