/* A session's own list of subscriptions, beside the index. */
#include "base/memory.h"
#include "broker/client.h"
#include "broker/delivery.h"
#include "broker/session.h"
#include "broker/topic_limits.h"

static bool session_list_reserve(struct session *session)
{
    if (session->subscription_count < session->subscription_capacity)
        return true;
    uint32_t capacity = session->subscription_capacity == 0 ? 1 : session->subscription_capacity * 2;
    subscription_place *list = mem_realloc(session->subscriptions, capacity * sizeof *list);
    if (list == NULL)
        return false;
    session->subscriptions = list;
    session->subscription_capacity = capacity;
    return true;
}

/* Room for the list entry is made first, so that nothing can fail once the index has changed. */
static gmq_reason session_list_add(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier,
                                   bool *is_new)
{
    struct shard *shard = session->shard;
    struct subscriber subscriber = {
        .session = session, .identifier = identifier, .options = options, .worker = (uint8_t)shard->index};
    subscription_place place = 0;
    enum subscription_change change = SUBSCRIPTION_NO_MEMORY;
    if (session_list_reserve(session))
        change = subscription_add(shard->broker->subscriptions, shard->reader, filter, &subscriber, &place);
    *is_new = change == SUBSCRIPTION_NEW;
    if (*is_new)
        session->subscriptions[session->subscription_count++] = place;
    return change == SUBSCRIPTION_NO_MEMORY ? GMQ_REASON_UNSPECIFIED_ERROR : (gmq_reason)(options & SUBSCRIBE_QOS_MASK);
}

/* Where a filter stands in the list; the count if it isn't there. */
static uint32_t session_list_find(const struct session *session, gmq_view filter)
{
    subscription_place place = subscription_find(session->shard->broker->subscriptions, filter);
    if (place == 0)
        return session->subscription_count;
    uint32_t index = 0;
    while (index < session->subscription_count && session->subscriptions[index] != place)
        index++;
    return index;
}

static void session_log_limit(const struct session *session, const char *limit)
{
    if (session->client != NULL)
        client_log_limit(session->client, GMQ_SUBSCRIBE, limit);
}

gmq_reason session_subscribe(struct session *session, gmq_view filter, uint8_t options, uint32_t identifier,
                             bool *is_new)
{
    const struct config_limits *limits = shard_limits(session->shard);
    bool is_new_here = false;
    if (is_new == NULL)
        is_new = &is_new_here;
    *is_new = false;
    if (!topic_is_filter(filter))
        return GMQ_REASON_TOPIC_FILTER_INVALID;
    const char *limit = topic_limit_passed(limits, filter);
    if (limit != NULL) {
        session_log_limit(session, limit);
        return GMQ_REASON_TOPIC_FILTER_INVALID;
    }
    if (session->subscription_count >= limits->subscriptions &&
        session_list_find(session, filter) == session->subscription_count) {
        session_log_limit(session, "limits.subscriptions");
        return GMQ_REASON_QUOTA_EXCEEDED;
    }
    return session_list_add(session, filter, options, identifier, is_new);
}

static void session_list_remove(struct session *session, uint32_t index)
{
    session->subscriptions[index] = session->subscriptions[--session->subscription_count];
    if (session->subscription_count > 0)
        return;
    mem_free(session->subscriptions);
    session->subscriptions = NULL;
    session->subscription_capacity = 0;
}

gmq_reason session_unsubscribe(struct session *session, gmq_view filter)
{
    struct shard *shard = session->shard;
    uint32_t index = session_list_find(session, filter);
    if (index == session->subscription_count)
        return GMQ_REASON_NO_SUBSCRIPTION_EXISTED;
    (void)subscription_leave(shard->broker->subscriptions, shard->reader, session->subscriptions[index], session);
    session_list_remove(session, index);
    return GMQ_REASON_SUCCESS;
}

void session_unsubscribe_some(struct session *session, uint32_t most)
{
    struct shard *shard = session->shard;
    for (; most > 0 && session->subscription_count > 0; most--) {
        uint32_t last = session->subscription_count - 1;
        (void)subscription_leave(shard->broker->subscriptions, shard->reader, session->subscriptions[last], session);
        session_list_remove(session, last);
    }
}

/* The first of the session's groups that the topic belongs to, and that has another member, takes the message. */
void session_pass_on(struct session *session, struct message *message)
{
    char filter[UINT16_MAX];
    struct publication publication;
    publication_init_kept(&publication, message);
    publication.except = session;
    bool is_taken = false;
    for (uint32_t i = 0; i < session->subscription_count && !is_taken; i++) {
        struct share_group *group = subscription_group(session->subscriptions[i]);
        if (group == NULL)
            continue;
        size_t length = subscription_filter(session->subscriptions[i], filter, sizeof(filter));
        if (topic_matches(gmq_view_make(filter, length), message_topic(message)))
            is_taken = delivery_to_group(session->shard, &publication, group);
    }
    publication_deinit(&publication);
}
