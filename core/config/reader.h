/* One reading of a configuration file: where we are in it, and how errors are told. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "config/config.h"
#include "config/schema.h"

#include <jansson.h>

struct reader {
    gmq_view text;
    const char *file;
    struct config_overrides overrides;
    struct problems *problems;
    struct config *config; /* being built */
    bool is_out_of_memory;
};

/* A value of the file and the way to it. Nodes live on the stack, parents outlive their children. */
struct node {
    json_t *json;
    const struct node *parent; /* NULL: the whole file */
    const char *key;           /* as a member of an object; NULL: element `index` of a list */
    size_t index;
    uint32_t context; /* a set of enum schema_context */
};

/* The value that is the member `key` or the element `index` of `parent`. */
struct node node_member(const struct node *parent, const char *key, json_t *value);
struct node node_element(const struct node *parent, size_t index);

/* A string as it is shown in errors: escaped and cut. */
struct shown {
    char text[80];
};
struct shown shown_of(const char *text);

/* Tells an error, or a warning, about the value. `format` is "what is wrong; what to do". */
void reader_error(struct reader *reader, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reader_warn(struct reader *reader, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As reader_error, but the place is that of the value's key; the path stays that of the object which it is in. */
void reader_error_at_key(struct reader *reader, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells that `word` is not among `known` (which ends with NULL), with the one that was probably meant; `what` says what
 * kind of word it is, `otherwise` what to do when none is near. */
void reader_error_unknown(struct reader *reader, const struct node *node, const char *word, const char *const *known,
                          const char *const what_and_otherwise[2]);

/* The place of the value; the path is NULL when memory was out, which the reader remembers. */
struct config_place reader_place(struct reader *reader, const struct node *node);

/* Checks a value against its row and stores it; a value that doesn't fit is told and not stored. */
void reader_read(struct reader *reader, const struct schema_key *key, const struct node *node, void *target);

/* Reads the members of an object that has the keys `keys`, and what its missing ones default to. */
void reader_read_object(struct reader *reader, const struct schema_key *keys, const struct node *node, void *target);

/* Cleared memory, or a copy of a text; NULL when memory was out, which the reader remembers. */
void *reader_allocate(struct reader *reader, size_t count, size_t size);
char *reader_copy(struct reader *reader, const char *text);

#endif
