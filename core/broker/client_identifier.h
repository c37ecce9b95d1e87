/* The name of a client, one copy for its connection and its session. Both live on one worker: one thread. */
#ifndef BROKER_CLIENT_IDENTIFIER_H
#define BROKER_CLIENT_IDENTIFIER_H

#include "base/small.h"

#include <graftmq/types.h>
#include <stddef.h>
#include <stdint.h>

struct client_identifier {
    uint32_t references;
    uint16_t length;
    char text[]; /* terminated */
};

/* With one reference. NULL: memory is out. */
struct client_identifier *client_identifier_new(struct small *names, gmq_view text);

struct client_identifier *client_identifier_ref(struct client_identifier *identifier);

/* `names` is that of client_identifier_new; no identifier (NULL) is allowed. */
void client_identifier_unref(struct small *names, struct client_identifier *identifier);

/* NULL is the empty text. */
static inline gmq_view client_identifier_text(const struct client_identifier *identifier)
{
    return identifier != NULL ? gmq_view_make(identifier->text, identifier->length) : gmq_view_make("", 0);
}

#endif
