/* What may stand in the configuration file: tables of keys that the parser, the defaults, the JSON Schema and
 * etc/README.md read. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of JSON values, as a set. KIND_REAL and KIND_NULL are in no row: they only name what was found. */
enum schema_kind {
    KIND_NUMBER = 1, /* without a fraction */
    KIND_TEXT = 2,
    KIND_OBJECT = 4,
    KIND_LIST = 8,
    KIND_REAL = 16,
    KIND_BOOLEAN = 32,
    KIND_NULL = 64
};

/* Where in the file we are, as a set: some keys need some of these. */
enum schema_context {
    IN_ROUTES = 1,
    IN_OUTGOING = 2,
    IN_CALLBACKS = 4,
    HAS_TOPICS = 8,    /* the packet carries topics to compare */
    HAS_LISTENER = 16, /* there is a connection */
    HAS_VERSION = 32   /* whose protocol version is known */
};

struct reader;
struct node;
struct schema_key;

/* Puts a value that fits its row into the struct at `target` (plus the row's offset). */
typedef void schema_store(struct reader *reader, const struct schema_key *key, const struct node *node, void *target);

/* One key, or one kind of element. A list that also takes other kinds takes a single element for a list of one. */
struct schema_key {
    const char *name;                 /* NULL ends a table */
    const char *text;                 /* documentation, Markdown without line breaks */
    const char *preset;               /* the default as JSON; NULL: none */
    const char *elsewhere;            /* what is wrong, and what to do, where a context in `needs` is missing */
    const struct config_form *form;   /* of a text */
    const char *const *choices;       /* of a text; ends with NULL */
    const struct schema_key *keys;    /* of an object with known keys */
    const struct schema_key *element; /* of a list, or of an object with free keys */
    const struct config_form *names;  /* the form of free keys */
    schema_store *store;              /* NULL: the value is only checked */
    size_t offset;
    int64_t smallest; /* of a number; of a list or an object with free keys: its count */
    int64_t largest;
    uint32_t kinds;
    uint32_t needs; /* contexts without which it isn't allowed */
    uint32_t gives; /* contexts that hold below it */
    bool is_required;
};

/* The whole file. */
extern const struct schema_key schema_root;

/* One step of a route or callback, and the rows of packet types and events. */
extern const struct schema_key schema_entry;
extern const struct schema_key schema_packets[];
extern const struct schema_key schema_events[];

/* The key that is allowed in every object and never read. */
#define SCHEMA_COMMENT "//"

enum { SCHEMA_KEYS_MAX = 64, CONFIG_ENTRIES_MAX = 256, CONFIG_TOPICS_MAX = 1024 };

#endif
