/* Bytes that plugins keep with a client or a session, by plugin name. A short list: few plugins keep any. */
#ifndef BROKER_BYTES_H
#define BROKER_BYTES_H

#include <graftmq/types.h>
#include <stdatomic.h>

/* What is kept beside bytes: the layout of the version that wrote them, and where those of its kind are counted. */
struct bytes_mark {
    uint32_t layout;
    atomic_size_t *tally; /* or NULL */
};

struct bytes {
    struct bytes *next;
    size_t length;
    size_t name_length;
    struct bytes_mark mark;
    char content[]; /* name, bytes */
};

/* What is stored under `name`, or NULL. */
const struct bytes *bytes_find(const struct bytes *list, gmq_view name);
gmq_view bytes_view(const struct bytes *entry); /* of NULL: empty */

/* Replaces what is stored under `name`; an empty view removes it. The tally counts what is stored with it. */
gmq_status bytes_set(struct bytes **list, gmq_view name, gmq_view bytes, struct bytes_mark mark);
void bytes_free(struct bytes **list);

#endif
