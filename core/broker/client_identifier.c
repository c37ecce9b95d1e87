/* The name of a client, one copy for its connection and its session. */
#include "broker/client_identifier.h"

#include "base/memory.h"

#include <string.h>

struct client_identifier *client_identifier_new(gmq_view text)
{
    struct client_identifier *identifier = mem_alloc(offsetof(struct client_identifier, text) + text.length + 1);
    if (identifier == NULL)
        return NULL;
    identifier->references = 1;
    identifier->length = (uint16_t)text.length; /* a string of MQTT is no longer */
    if (text.length != 0)
        memcpy(identifier->text, text.data, text.length);
    identifier->text[text.length] = '\0';
    return identifier;
}

struct client_identifier *client_identifier_ref(struct client_identifier *identifier)
{
    identifier->references++;
    return identifier;
}

void client_identifier_unref(struct client_identifier *identifier)
{
    if (identifier != NULL && --identifier->references == 0)
        mem_free(identifier);
}
