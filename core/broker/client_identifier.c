/* The name of a client, one copy for its connection and its session. */
#include "broker/client_identifier.h"

#include <string.h>

static size_t identifier_size(size_t length)
{
    return offsetof(struct client_identifier, text) + length + 1;
}

struct client_identifier *client_identifier_new(struct small *names, gmq_view text)
{
    struct client_identifier *identifier = small_alloc(names, identifier_size(text.length));
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

void client_identifier_unref(struct small *names, struct client_identifier *identifier)
{
    if (identifier != NULL && --identifier->references == 0)
        small_free(names, identifier, identifier_size(identifier->length));
}
