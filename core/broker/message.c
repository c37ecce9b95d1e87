/* Messages that are kept: one block each, freed with its last reference. */
#include "broker/message.h"

#include "base/memory.h"

static char *put_view(char *to, gmq_view view)
{
    if (view.length != 0)
        memcpy(to, view.data, view.length);
    return to + view.length;
}

/* The size of the whole message; 0 if a part is too long for the message's fields. */
static size_t parts_size(const struct message_parts *parts)
{
    if (parts->topic.length > UINT16_MAX || parts->properties.length > UINT32_MAX || parts->payload.length > UINT32_MAX)
        return 0;
    size_t size = sizeof(struct message) + parts->topic.length;
    if (__builtin_add_overflow(size, parts->properties.length, &size) ||
        __builtin_add_overflow(size, parts->payload.length, &size))
        return 0;
    return size;
}

struct message *message_new(const struct message_parts *parts)
{
    size_t size = parts_size(parts);
    struct message *message = size != 0 ? mem_alloc(size) : NULL;
    if (message == NULL)
        return NULL;
    atomic_init(&message->references, 1);
    message->topic_length = (uint16_t)parts->topic.length;
    message->properties_length = (uint32_t)parts->properties.length;
    message->payload_length = (uint32_t)parts->payload.length;
    message->qos = parts->qos;
    message->is_retained = parts->is_retained;
    message->expires_ns = parts->expires_ns;
    message->publisher = parts->publisher;
    char *end = put_view(message->bytes, parts->topic);
    end = put_view(end, parts->properties);
    put_view(end, parts->payload);
    return message;
}

void message_ref(struct message *message, uint32_t count)
{
    /* Whoever adds references holds one, so nothing needs to be seen by this. */
    atomic_fetch_add_explicit(&message->references, count, memory_order_relaxed);
}

void message_unref(struct message *message)
{
    if (message != NULL && atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel) == 1)
        mem_free(message);
}
