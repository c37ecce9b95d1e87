/* Bytes that plugins keep with a client or a session, by plugin name. A short list: few plugins keep any. */
#ifndef BROKER_BYTES_H
#define BROKER_BYTES_H

#include <graftmq/types.h>

struct bytes {
    struct bytes *next;
    size_t length;
    size_t name_length;
    char content[]; /* name, bytes */
};

gmq_view bytes_find(const struct bytes *list, gmq_view name);

/* Replaces what is stored under `name`; an empty view removes it. */
gmq_status bytes_set(struct bytes **list, gmq_view name, gmq_view bytes);
void bytes_free(struct bytes **list);

#endif
