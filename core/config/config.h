/* The configuration file as a validated struct. Strings and lists belong to the struct config; it does not change after
 * config_load. Reading it: any thread. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/log.h"
#include "base/problems.h"

#include <graftmq/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An object of the file that a plugin reads: "settings" and "args". Defined in settings.c, the only other file that
 * knows jansson. Two objects are equal if their JSON is. */
struct gmq_settings;
bool settings_equal(const struct gmq_settings *left, const struct gmq_settings *right);

/* One made of its JSON text, where there is no file: in the process of an isolated plugin. NULL: it is no object, or
 * memory is out. */
struct gmq_settings *settings_parse(gmq_view text);
void settings_free(struct gmq_settings *settings); /* NULL is allowed */

/* Where something stands in the file, for errors found later ("FILE:LINE:COLUMN: PATH"). */
struct config_place {
    uint32_t line;
    uint32_t column;
    char *path; /* "routes.PUBLISH[1]" */
};

enum config_family { CONFIG_LOCALHOST, CONFIG_ANY, CONFIG_ADDRESS, CONFIG_UNIX };

struct config_listener {
    struct config_place place;
    char *name;
    char *bind; /* as written */
    enum config_family family;
    uint16_t port;      /* 0 with "port": 0: the kernel chooses (tests); unused for unix sockets */
    uint32_t unix_mode; /* permissions of the socket file, default 0660 */
};

/* "isolate": how a plugin runs in processes of its own. */
struct config_isolation {
    uint32_t processes;     /* 0: it runs in the broker's */
    uint32_t start_ms;      /* until it must be ready */
    uint32_t hang_ms;       /* without an answer, until it is taken to hang */
    uint32_t pending_calls; /* of one worker; further ones are answered as on_fault says */
    uint64_t pending_bytes; /* the same, that its process has not taken yet */
};

struct config_plugin {
    struct config_place place;
    char *name;
    char *path_written;
    char *path;                    /* resolved: absolute, or beside the configuration file, or in the plugin folder */
    struct gmq_settings *settings; /* never NULL; an empty object where the file has none */
    struct config_isolation isolation;
    bool is_sound; /* nothing is wrong with its definition */
};

enum { CONFIG_VERSION_3_1 = 1, CONFIG_VERSION_3_1_1 = 2, CONFIG_VERSION_5_0 = 4, CONFIG_VERSION_ALL = 7 };

/* One step of a route, or one callback. */
struct config_entry {
    struct config_place place;
    char *plugin_name;
    uint32_t plugin;                /* index into plugins */
    char *handler;                  /* NULL: the entry is in error */
    char **topics;                  /* filters, NULL-terminated; NULL: no condition */
    uint64_t *listeners;            /* bit i of the set: listener i; NULL: no condition */
    uint8_t versions;               /* set of CONFIG_VERSION_... */
    uint32_t defer_ms;              /* "defer": {"limit_ms", "at_limit"}; 0: limits.deferral_ms */
    gmq_verdict defer_at_limit;     /* GMQ_DEFER: not configured, what the handler said counts */
    gmq_verdict on_fault;           /* what becomes of a packet whose isolated handler can't answer; GMQ_REJECT */
    uint32_t budget_us;             /* time that one call may take before it is told; 0: limits.budget_us */
    struct gmq_settings *arguments; /* never NULL */
};

struct config_route {
    struct config_place place;
    struct config_entry *entries; /* NULL: not configured */
    size_t count;
};

struct config_limits {
#define LIMIT(key, preset, smallest, largest, text) uint64_t key;
#include "config/limits.def"
#undef LIMIT
};

enum {
    CONFIG_PACKET_TYPES = 16,
    CONFIG_EVENTS = 9,
    CONFIG_WORKERS_MAX = 64,
    CONFIG_LISTENERS_MAX = 64,
    CONFIG_PLUGINS_MAX = 256
};

struct config {
    char *file;                        /* as given, for messages */
    bool has_errors;                   /* it must not serve: see config_parse_partly */
    uint32_t workers;                  /* "auto" is resolved to the number of usable processors */
    struct config_place workers_place; /* all zero: not in the file */
    struct config_listener *listeners;
    size_t listener_count;
    struct config_plugin *plugins;
    size_t plugin_count;
    struct config_route incoming[CONFIG_PACKET_TYPES]; /* by packet type; "routes" */
    struct config_route outgoing[CONFIG_PACKET_TYPES]; /* "outgoing" */
    struct config_route callbacks[CONFIG_EVENTS];      /* by gmq_event; "callbacks" */
    struct config_limits limits;
    enum log_format log_format; /* "log": {"format": "text"|"json", "level": ..., "file": PATH} */
    gmq_log_level log_level;
    char *log_file;                    /* NULL: standard error */
    char *control_path;                /* "control": {"path"}; NULL: the default; CONFIG_CONTROL_NONE: no socket */
    struct config_place control_place; /* all zero: not in the file */
};

#define CONFIG_CONTROL_NONE "none"

/* Where the file of a plugin was found by an earlier reading. */
struct config_plugin_file {
    const char *name; /* of the plugin; NULL ends a list */
    const char *path;
};

/* What the command line says over the file. */
struct config_overrides {
    int32_t port;              /* of the first TCP listener; -1: none */
    uint32_t workers;          /* 0: none */
    const char *plugin_folder; /* searched after the file's folder for relative plugin paths */
    const char *control_path;  /* NULL: none */

    /* Plugins whose bytes are at hand: their files aren't looked for, and may be gone by now. NULL: none. */
    const struct config_plugin_file *plugin_files;
};

/* Reads and validates. NULL if there is any error; all errors and warnings are in `problems`. Not for workers: it reads
 * files and allocates. */
struct config *config_load(const char *file, const struct config_overrides *overrides, struct problems *problems);

/* The same from text in memory; `file` only names it and anchors relative paths. */
struct config *config_parse(const char *text, size_t length, const char *file, const struct config_overrides *overrides,
                            struct problems *problems);

/* The same, but a configuration with errors comes back too, `has_errors` set, so that what is wrong with its plugins
 * can be told along with what is wrong in the file. What could not be read is as if it were not there: plugins without
 * a file have no path, entries without a plugin no handler. NULL: there is nothing to go on with. */
struct config *config_parse_partly(const char *text, size_t length, const char *file,
                                   const struct config_overrides *overrides, struct problems *problems);
void config_free(struct config *config); /* NULL is allowed */

/* The defaults of limits.def. */
void config_limits_default(struct config_limits *limits);

/* The name of an event as the file writes it ("worker_start"). */
const char *config_event_name(gmq_event event);

/* The whole JSON Schema of the configuration as text (to be freed with mem_free), and the Markdown table of all keys
 * for etc/README.md; both from the tables that the parser reads. */
char *config_schema_json(void);
char *config_schema_markdown(void);

#endif
