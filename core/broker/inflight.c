/* Unacknowledged deliveries, in a ring that is indexed by the low bits of the packet identifier. */
#include "broker/inflight.h"

#include "base/memory.h"

#include <string.h>

enum { INFLIGHT_FIRST_CAPACITY = 16, INFLIGHT_MOST = 65535 };

void inflight_deinit(struct inflight *inflight)
{
    for (uint32_t i = 0; i < inflight->capacity; i++) {
        if (inflight->ring[i].packet_identifier != 0)
            delivery_deinit(&inflight->ring[i].delivery);
    }
    mem_free(inflight->ring);
    memset(inflight, 0, sizeof *inflight);
}

/* Two identifiers with different low bits keep different places in any larger ring, so nothing collides in moving. */
static bool inflight_grow(struct inflight *inflight)
{
    uint32_t capacity = inflight->capacity == 0 ? INFLIGHT_FIRST_CAPACITY : inflight->capacity * 2;
    struct inflight_entry *ring = mem_alloc_zero(capacity, sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint32_t i = 0; i < inflight->capacity; i++) {
        const struct inflight_entry *entry = &inflight->ring[i];
        if (entry->packet_identifier != 0)
            ring[entry->packet_identifier & (capacity - 1)] = *entry;
    }
    mem_free(inflight->ring);
    inflight->ring = ring;
    inflight->capacity = capacity;
    return true;
}

/* Half empty at least, so that the search for a free place is short. */
static bool inflight_has_room(struct inflight *inflight)
{
    if (inflight->count >= INFLIGHT_MOST)
        return false;
    if (inflight->count * 2 < inflight->capacity || inflight->capacity > INFLIGHT_MOST)
        return true;
    return inflight_grow(inflight);
}

struct inflight_entry *inflight_add(struct inflight *inflight)
{
    if (!inflight_has_room(inflight))
        return NULL;
    struct inflight_entry *entry;
    uint16_t identifier = inflight->next_identifier;
    do {
        identifier++;
        entry = &inflight->ring[identifier & (inflight->capacity - 1)];
    } while (identifier == 0 || entry->packet_identifier != 0);
    inflight->next_identifier = identifier;
    entry->packet_identifier = identifier;
    entry->order = inflight->next_order++;
    entry->state = INFLIGHT_FREE;
    entry->is_sent = true;
    inflight->count++;
    inflight->sent++;
    return entry;
}

struct inflight_entry *inflight_find(struct inflight *inflight, uint16_t packet_identifier)
{
    if (inflight->count == 0)
        return NULL;
    struct inflight_entry *entry = &inflight->ring[packet_identifier & (inflight->capacity - 1)];
    return entry->packet_identifier == packet_identifier && packet_identifier != 0 ? entry : NULL;
}

/* The ring itself stays while the client keeps receiving: giving it back at each "none in flight" would allocate once
 * per message. inflight_restart gives it back. */
void inflight_remove(struct inflight *inflight, struct inflight_entry *entry)
{
    if (entry->delivery.message != NULL)
        delivery_deinit(&entry->delivery);
    inflight->count--;
    if (entry->is_sent)
        inflight->sent--;
    else
        inflight->unsent--;
    entry->packet_identifier = 0;
    entry->state = INFLIGHT_FREE;
}

void inflight_restart(struct inflight *inflight)
{
    for (uint32_t i = 0; i < inflight->capacity; i++)
        inflight->ring[i].is_sent = false;
    inflight->sent = 0;
    inflight->unsent = inflight->count;
    if (inflight->count == 0) {
        mem_free(inflight->ring);
        inflight->ring = NULL;
        inflight->capacity = 0;
    }
}

/* Orders wrap: what matters is the distance from the newest. */
static bool inflight_is_older(const struct inflight *inflight, const struct inflight_entry *left,
                              const struct inflight_entry *right)
{
    return inflight->next_order - left->order > inflight->next_order - right->order;
}

/* Which of two is sent again first. */
static bool inflight_is_before(const struct inflight *inflight, const struct inflight_entry *left,
                               const struct inflight_entry *right)
{
    bool is_release = left->state == INFLIGHT_PUBCOMP;
    if (is_release != (right->state == INFLIGHT_PUBCOMP))
        return is_release;
    return inflight_is_older(inflight, left, right);
}

struct inflight_entry *inflight_next_unsent(struct inflight *inflight)
{
    if (inflight->unsent == 0)
        return NULL;
    struct inflight_entry *first = NULL;
    for (uint32_t i = 0; i < inflight->capacity; i++) {
        struct inflight_entry *entry = &inflight->ring[i];
        if (entry->packet_identifier == 0 || entry->is_sent)
            continue;
        if (first == NULL || inflight_is_before(inflight, entry, first))
            first = entry;
    }
    return first;
}

void inflight_mark_sent(struct inflight *inflight, struct inflight_entry *entry)
{
    if (entry->is_sent)
        return;
    entry->is_sent = true;
    inflight->sent++;
    inflight->unsent--;
}

void inflight_release(struct inflight *inflight, struct inflight_entry *entry)
{
    inflight_mark_sent(inflight, entry);
    if (entry->delivery.message != NULL)
        delivery_deinit(&entry->delivery); /* never sent again from here on [MQTT-4.3.3-6] */
    if (entry->state != INFLIGHT_PUBCOMP)
        entry->order = inflight->next_order++;
    entry->state = INFLIGHT_PUBCOMP;
}

struct inflight_entry *inflight_next(struct inflight *inflight, const struct inflight_entry *after)
{
    struct inflight_entry *next = NULL;
    for (uint32_t i = 0; i < inflight->capacity; i++) {
        struct inflight_entry *entry = &inflight->ring[i];
        if (entry->packet_identifier == 0 || entry == after)
            continue;
        if (after != NULL && !inflight_is_older(inflight, after, entry))
            continue;
        if (next == NULL || inflight_is_older(inflight, entry, next))
            next = entry;
    }
    return next;
}
