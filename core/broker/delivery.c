/* From a publication to all sessions that want it. */
#include "broker/delivery.h"

#include "broker/parcel.h"

#include <assert.h>

/* One fan-out: the lists of targets by worker; this worker's is used where subscriptions may overlap. A list is there
 * once its worker has a bit in `workers`, so that many workers cost nothing where few are meant. */
struct fan_out {
    struct shard *shard;
    struct publication *publication;
    bool may_overlap; /* more than one filter matched */
    bool is_short_of_memory;
    uint32_t matched;
    uint64_t workers;
    struct target_list lists[BROKER_WORKERS_MAX];
};

static_assert(BROKER_WORKERS_MAX <= 64, "fan_out.workers has a bit for each");

static void fan_out_to(struct fan_out *fan, const struct subscriber *subscriber, struct share_group *group)
{
    fan->matched++;
    if (subscriber->worker == fan->shard->index && !fan->may_overlap) {
        target_deliver_single(subscriber->session, fan->publication, subscriber->options, subscriber->identifier,
                              group);
        return;
    }
    uint64_t bit = UINT64_C(1) << subscriber->worker;
    if ((fan->workers & bit) == 0) {
        fan->workers |= bit;
        fan->lists[subscriber->worker] = (struct target_list){0};
    }
    if (!target_list_add(&fan->lists[subscriber->worker], &fan->shard->arena, subscriber, group))
        fan->is_short_of_memory = true;
}

/* The set's count is taken before the first subscriber is looked at: who leaves that place and comes back is then
 * behind it, and not met twice. */
static void fan_out_to_plain(struct fan_out *fan, struct filter_subscribers *filter)
{
    struct subscriber_set *set = filter_set(filter);
    uint32_t count = set != NULL ? atomic_load_explicit(&set->count, memory_order_acquire) : 0;
    struct subscriber subscriber;
    if (subscriber_read(&filter->first, &subscriber))
        fan_out_to(fan, &subscriber, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (subscriber_read(&set->entries[i], &subscriber))
            fan_out_to(fan, &subscriber, NULL);
    }
}

/* Presence may be read on any worker; the session's other fields only on its own. Whose turn it is goes round, so that
 * each member gets its share; a member that is away or can't keep up is passed over while another is ready. False:
 * there is none. */
static bool group_choose(struct share_group *group, const struct session *except, struct subscriber *best)
{
    struct subscriber_set *set = atomic_load_explicit(&group->members, memory_order_acquire);
    uint32_t count = set != NULL ? atomic_load_explicit(&set->count, memory_order_acquire) : 0;
    if (count == 0)
        return false;
    uint32_t turn = atomic_fetch_add_explicit(&group->turn, 1, memory_order_relaxed);
    uint32_t passed_over = 0;
    int best_presence = SESSION_ENDED;
    for (uint32_t i = 0; i < count && best_presence < SESSION_READY; i++) {
        struct subscriber subscriber;
        if (!subscriber_read(&set->entries[(turn + i) % count], &subscriber) || subscriber.session == except)
            continue;
        int presence = atomic_load_explicit(&subscriber.session->presence, memory_order_relaxed);
        if (presence <= best_presence)
            continue;
        *best = subscriber;
        best_presence = presence;
        passed_over = i;
    }
    /* Else who stands behind them would have their turns, too. */
    if (passed_over > 0)
        atomic_fetch_add_explicit(&group->turn, passed_over, memory_order_relaxed);
    return best_presence > SESSION_ENDED;
}

static bool fan_out_to_group(struct fan_out *fan, struct share_group *group)
{
    struct subscriber subscriber;
    if (!group_choose(group, fan->publication->except, &subscriber))
        return false;
    fan_out_to(fan, &subscriber, group);
    return true;
}

static void fan_out_to_filter(struct fan_out *fan, struct filter_subscribers *filter)
{
    fan_out_to_plain(fan, filter);
    struct share_group *group = filter_groups(filter);
    for (; group != NULL; group = atomic_load_explicit(&group->next, memory_order_acquire))
        (void)fan_out_to_group(fan, group);
}

static void fan_out_begin(struct fan_out *fan, struct shard *shard, struct publication *publication)
{
    fan->shard = shard;
    fan->publication = publication;
    fan->may_overlap = false;
    fan->is_short_of_memory = false;
    fan->matched = 0;
    fan->workers = 0;
    shard->call_depth++; /* the lists are in the arena */
}

static gmq_status fan_out_end(struct fan_out *fan)
{
    struct shard *shard = fan->shard;
    for (uint64_t left = fan->workers; left != 0; left &= left - 1) {
        uint32_t worker = (uint32_t)__builtin_ctzll(left);
        struct target_list *list = &fan->lists[worker];
        if (worker == shard->index)
            target_list_deliver(shard, list, fan->publication);
        else if (!parcel_add(shard, worker, list, fan->publication))
            fan->is_short_of_memory = true;
    }
    shard_call_end(shard);
    return fan->is_short_of_memory ? GMQ_ERROR_MEMORY : GMQ_OK;
}

gmq_status delivery_publish(struct shard *shard, struct publication *publication, uint32_t *matched)
{
    const struct match *match =
        subscription_match(shard->broker->subscriptions, shard->matches, publication->parts.topic);
    if (match == NULL)
        return GMQ_ERROR_MEMORY;
    if (matched != NULL)
        *matched = 0;
    if (match->count == 0)
        return GMQ_OK;
    struct fan_out fan;
    fan_out_begin(&fan, shard, publication);
    /* With one filter sessions get it at once, and their handlers may deliver, too, which invalidates the match. */
    uint32_t count = match->count;
    fan.may_overlap = count > 1;
    for (uint32_t i = 0; i < count; i++)
        fan_out_to_filter(&fan, match->filters[i]);
    if (matched != NULL)
        *matched = fan.matched;
    return fan_out_end(&fan);
}

bool delivery_to_group(struct shard *shard, struct publication *publication, struct share_group *group)
{
    struct fan_out fan;
    fan_out_begin(&fan, shard, publication);
    bool is_taken = fan_out_to_group(&fan, group);
    return fan_out_end(&fan) == GMQ_OK && is_taken;
}
