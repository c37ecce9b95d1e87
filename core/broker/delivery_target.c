/* Who gets one message: overlapping subscriptions put together. */
#include "broker/delivery_target.h"

#include <string.h>

enum { TARGET_FIRST_CAPACITY = 32 };

bool target_list_add(struct target_list *list, struct arena *arena, const struct subscriber *subscriber,
                     struct share_group *group)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? TARGET_FIRST_CAPACITY : list->capacity * 2;
        struct delivery_target *targets = arena_alloc(arena, capacity * sizeof *targets);
        if (targets == NULL)
            return false;
        if (list->count > 0)
            memcpy(targets, list->targets, list->count * sizeof *targets);
        list->targets = targets;
        list->capacity = capacity;
    }
    list->targets[list->count++] = (struct delivery_target){
        .session = subscriber->session,
        .group = group,
        .identifier = subscriber->identifier,
        .options = subscriber->options,
    };
    return true;
}

static bool target_is_own(const struct session *session, const struct publication *publication, uint8_t options)
{
    return (options & SUBSCRIBE_NO_LOCAL) != 0 && session->number == publication->parts.publisher;
}

static uint8_t target_qos(const struct publication *publication, uint8_t options)
{
    uint8_t granted = options & SUBSCRIBE_QOS_MASK;
    return granted < publication->parts.qos ? granted : publication->parts.qos;
}

/* Nobody of the group has begun to receive it (5.0, 4.8.2). */
static void target_hand_on(struct session *ended, struct publication *publication, struct share_group *group)
{
    struct session *except = publication->except;
    publication->except = ended;
    (void)delivery_to_group(ended->shard, publication, group);
    publication->except = except;
}

void target_deliver_single(struct session *session, struct publication *publication, uint8_t options,
                           uint32_t identifier, struct share_group *group)
{
    if (session->is_ended && group != NULL)
        target_hand_on(session, publication, group);
    if (session->is_ended || target_is_own(session, publication, options))
        return;
    struct delivery_order order = {
        .qos = target_qos(publication, options),
        .is_retained = publication->parts.is_retained && (options & SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0,
        .is_shared = group != NULL,
        .identifier_count = identifier != 0 ? 1 : 0,
        .identifiers = &identifier,
    };
    delivery_to_session(session, publication, &order);
}

/* Puts the subscriptions of one session together under the first of them: the highest QoS counts [MQTT-3.3.4-2], every
 * identifier is kept [MQTT-3.3.4-4]. What is shared stands alone. */
static void target_list_merge(struct shard *shard, struct target_list *list, const struct publication *publication)
{
    uint64_t mark = ++shard->last_delivery_mark;
    for (uint32_t i = 0; i < list->count; i++) {
        struct delivery_target *target = &list->targets[i];
        struct session *session = target->session;
        if (target->group != NULL || session->is_ended)
            continue;
        if (target_is_own(session, publication, target->options)) {
            target->session = NULL;
            continue;
        }
        if (session->mark != mark) {
            session->mark = mark;
            session->mark_slot = i;
            continue;
        }
        struct delivery_target *first = &list->targets[session->mark_slot];
        uint8_t qos = (uint8_t)(first->options & SUBSCRIBE_QOS_MASK);
        uint8_t other = (uint8_t)(target->options & SUBSCRIBE_QOS_MASK);
        uint8_t flags = (uint8_t)((first->options | target->options) & SUBSCRIBE_RETAIN_AS_PUBLISHED);
        first->options = (uint8_t)((qos > other ? qos : other) | flags);
        target->next = first->next;
        first->next = i + 1;
        target->session = NULL;
    }
}

static void target_deliver_merged(struct shard *shard, struct target_list *list, struct delivery_target *first,
                                  struct publication *publication)
{
    uint32_t most = 0;
    for (uint32_t next = first->next; next != 0; next = list->targets[next - 1].next)
        most++;
    uint32_t *identifiers = arena_alloc(&shard->arena, (most + 1) * sizeof *identifiers);
    if (identifiers == NULL) { /* better with one of its identifiers than not at all */
        target_deliver_single(first->session, publication, first->options, first->identifier, NULL);
        return;
    }
    uint32_t count = 0;
    for (const struct delivery_target *target = first;; target = &list->targets[target->next - 1]) {
        if (target->identifier != 0)
            identifiers[count++] = target->identifier;
        if (target->next == 0)
            break;
    }
    struct delivery_order order = {
        .qos = target_qos(publication, first->options),
        .is_retained = publication->parts.is_retained && (first->options & SUBSCRIBE_RETAIN_AS_PUBLISHED) != 0,
        .identifier_count = count,
        .identifiers = identifiers,
    };
    delivery_to_session(first->session, publication, &order);
}

void target_list_deliver(struct shard *shard, struct target_list *list, struct publication *publication)
{
    if (list->count == 1) {
        const struct delivery_target *only = &list->targets[0];
        target_deliver_single(only->session, publication, only->options, only->identifier, only->group);
        return;
    }
    target_list_merge(shard, list, publication);
    for (uint32_t i = 0; i < list->count; i++) {
        struct delivery_target *target = &list->targets[i];
        if (target->session == NULL)
            continue;
        if (target->next == 0)
            target_deliver_single(target->session, publication, target->options, target->identifier, target->group);
        else
            target_deliver_merged(shard, list, target, publication);
    }
}
