/* Copies a packet with all that it points to. */
#include "mqtt/packet.h"
#include "mqtt/properties.h"

typedef bool copy_function(struct gmq_packet *copy, struct arena *arena);

static bool view_own(gmq_view *view, struct arena *arena)
{
    const char *data = view->length > 0 ? arena_copy(arena, view->data, view->length) : "";
    view->data = data;
    return data != NULL;
}

static bool header_own(struct gmq_packet *copy, const struct gmq_packet *packet, struct arena *arena)
{
    copy->type = packet->type;
    copy->version = packet->version;
    copy->reason = packet->reason;
    copy->is_changed = packet->is_changed;
    copy->identifier = packet->identifier;
    return properties_copy(&copy->properties, &packet->properties, arena);
}

static bool publish_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_publish *publish = (struct gmq_publish *)copy;
    return view_own(&publish->topic, arena) && view_own(&publish->payload, arena);
}

static bool will_own(struct gmq_publish *will, struct arena *arena)
{
    struct gmq_packet original = will->packet;
    return header_own(&will->packet, &original, arena) && publish_own(&will->packet, arena);
}

static bool connect_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_connect *connect = (struct gmq_connect *)copy;
    return view_own(&connect->protocol_name, arena) && view_own(&connect->client_identifier, arena) &&
           view_own(&connect->user_name, arena) && view_own(&connect->password, arena) &&
           (!connect->has_will || will_own(&connect->will, arena));
}

static bool subscribe_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_subscribe *subscribe = (struct gmq_subscribe *)copy;
    subscribe->entries = arena_copy(arena, subscribe->entries, subscribe->count * sizeof *subscribe->entries);
    bool is_owned = subscribe->entries != NULL;
    for (uint32_t i = 0; is_owned && i < subscribe->count; i++)
        is_owned = view_own(&subscribe->entries[i].topic_filter, arena);
    return is_owned;
}

static bool unsubscribe_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_unsubscribe *unsubscribe = (struct gmq_unsubscribe *)copy;
    size_t size = unsubscribe->count * sizeof *unsubscribe->topic_filters;
    unsubscribe->topic_filters = arena_copy(arena, unsubscribe->topic_filters, size);
    bool is_owned = unsubscribe->topic_filters != NULL;
    for (uint32_t i = 0; is_owned && i < unsubscribe->count; i++)
        is_owned = view_own(&unsubscribe->topic_filters[i], arena);
    return is_owned;
}

static bool suback_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_suback *suback = (struct gmq_suback *)copy;
    suback->reasons = arena_copy(arena, suback->reasons, suback->count);
    return suback->reasons != NULL;
}

static bool unsuback_own(struct gmq_packet *copy, struct arena *arena)
{
    struct gmq_unsuback *unsuback = (struct gmq_unsuback *)copy;
    unsuback->reasons = arena_copy(arena, unsuback->reasons, unsuback->count);
    return unsuback->reasons != NULL;
}

/* Packets with no more than a header have no row. */
static copy_function *const copy_functions[16] = {
    [GMQ_CONNECT] = connect_own,         [GMQ_PUBLISH] = publish_own, [GMQ_SUBSCRIBE] = subscribe_own,
    [GMQ_UNSUBSCRIBE] = unsubscribe_own, [GMQ_SUBACK] = suback_own,   [GMQ_UNSUBACK] = unsuback_own,
};

struct gmq_packet *packet_copy(const struct gmq_packet *packet, struct arena *arena)
{
    size_t size = packet_struct_size((gmq_packet_type)packet->type);
    struct gmq_packet *copy = size > 0 ? arena_alloc(arena, size) : NULL;
    if (copy == NULL || !header_own(copy, packet, arena))
        return NULL;
    /* Behind the header as it is first, so that the functions above find what to copy. */
    memcpy((char *)copy + sizeof *copy, (const char *)packet + sizeof *packet, size - sizeof *packet);
    copy_function *own = copy_functions[packet->type];
    return own == NULL || own(copy, arena) ? copy : NULL;
}
