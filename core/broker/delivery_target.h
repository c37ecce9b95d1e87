/* Lists of sessions that are to get one message, by worker. */
#ifndef BROKER_DELIVERY_TARGET_H
#define BROKER_DELIVERY_TARGET_H

#include "broker/delivery.h"

/* One subscription that matched. */
struct delivery_target {
    struct session *session;
    struct share_group *group; /* that it was chosen from; NULL: not shared */
    uint32_t identifier;       /* subscription identifier, 0: none */
    uint32_t next;             /* of the same session, as index + 1; 0: none */
    uint8_t options;
};

/* In an arena; all zero is empty. */
struct target_list {
    struct delivery_target *targets;
    uint32_t count;
    uint32_t capacity;
};

/* False: memory is out. */
bool target_list_add(struct target_list *list, struct arena *arena, const struct subscriber *subscriber,
                     struct share_group *group);

/* Delivers to each session of the list once, all of them this worker's. */
void target_list_deliver(struct shard *shard, struct target_list *list, struct publication *publication);

/* Delivers to one subscriber of this worker that has just one matching subscription. If its session has ended on the
 * way, what is shared goes to another member. */
void target_deliver_single(struct session *session, struct publication *publication, uint8_t options,
                           uint32_t identifier, struct share_group *group);

#endif
