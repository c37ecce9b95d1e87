/* QoS 1 and 2 messages that were sent to the client and are not acknowledged (5.0, 4.3): found by packet identifier in
 * one step, kept in the order of sending. One thread. */
#ifndef BROKER_INFLIGHT_H
#define BROKER_INFLIGHT_H

#include "broker/queue.h"

enum inflight_state {
    INFLIGHT_FREE = 0,
    INFLIGHT_PUBACK, /* QoS 1, PUBACK awaited */
    INFLIGHT_PUBREC, /* QoS 2, PUBREC awaited */
    INFLIGHT_PUBCOMP /* QoS 2, PUBREL was sent, PUBCOMP awaited */
};

struct inflight_entry {
    struct delivery delivery;
    uint32_t order; /* of sending PUBLISH, then of PUBREL; wraps */
    uint16_t packet_identifier;
    uint8_t state;
    bool is_sent; /* on this connection: counts for the client's receive maximum */
};

/* All zero is valid and empty. An identifier's place in the ring is its low bits, so identifiers are skipped whose
 * place is taken. */
struct inflight {
    struct inflight_entry *ring;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
    uint32_t sent; /* entries with is_sent */
    uint32_t next_order;
    uint16_t next_identifier;
    uint32_t unsent; /* entries that wait to be sent again */
};

void inflight_deinit(struct inflight *inflight);

/* A free entry with a packet identifier of its own, in state FREE until the caller sets it; NULL: memory is out, or all
 * 65,535 identifiers are taken. The entry counts from now on. */
struct inflight_entry *inflight_add(struct inflight *inflight);

/* The entry of an identifier, or NULL. */
struct inflight_entry *inflight_find(struct inflight *inflight, uint16_t packet_identifier);

/* Frees it and what it holds. Memory goes back when the last one has gone. */
void inflight_remove(struct inflight *inflight, struct inflight_entry *entry);

/* A new connection: nothing was sent on it. */
void inflight_restart(struct inflight *inflight);

/* PUBREC has come: the message is done with, and PUBREL, which goes out on this connection, is what may have to be sent
 * again, after those that went out before it [MQTT-4.6.0-4]. */
void inflight_release(struct inflight *inflight, struct inflight_entry *entry);

/* The next entry to be sent again on this connection, or NULL: the oldest, but a PUBREL before any PUBLISH, as only
 * those may have to wait for the client's receive maximum [MQTT-3.3.4-10]. */
struct inflight_entry *inflight_next_unsent(struct inflight *inflight);
void inflight_mark_sent(struct inflight *inflight, struct inflight_entry *entry);

/* All entries, oldest first, one after the other: start with NULL. Costs the size of the ring each. */
struct inflight_entry *inflight_next(struct inflight *inflight, const struct inflight_entry *after);

#endif
