/* A session's own list of subscriptions, beside the index. */
#include "base/memory.h"
#include "broker/client.h"
#include "broker/delivery.h"
#include "broker/session.h"
#include "broker/topic_limits.h"

#include <stdio.h>
#include <string.h>

static bool subscription_is(const struct session_subscription *entry, const struct topic_node *node,
                            gmq_view share_name)
{
    if (entry->node != node || (entry->share_name == NULL) != (share_name.length == 0))
        return false;
    return entry->share_name == NULL || gmq_view_equals(share_name, entry->share_name);
}

static bool session_list_reserve(struct session *session)
{
    if (session->subscription_count < session->subscription_capacity)
        return true;
    uint32_t capacity = session->subscription_capacity == 0 ? 1 : session->subscription_capacity * 2;
    struct session_subscription *list = mem_realloc(session->subscriptions, capacity * sizeof *list);
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
    gmq_view share_name = {NULL, 0};
    gmq_view inner;
    char *share_copy = NULL;
    if (topic_split_shared(filter, &share_name, &inner)) {
        share_copy = mem_copy_text(share_name.data, share_name.length);
        if (share_copy == NULL)
            return GMQ_REASON_UNSPECIFIED_ERROR;
    }
    struct shard *shard = session->shard;
    struct subscriber subscriber = {.identifier = identifier, .options = options, .worker = (uint8_t)shard->index};
    atomic_init(&subscriber.session, session);
    struct topic_node *node = NULL;
    enum subscription_change change = SUBSCRIPTION_NO_MEMORY;
    if (session_list_reserve(session))
        change = subscription_add(shard->broker->subscriptions, shard->reader, filter, &subscriber, &node);
    if (change == SUBSCRIPTION_NEW)
        session->subscriptions[session->subscription_count++] =
            (struct session_subscription){.node = node, .share_name = share_copy};
    else
        mem_free(share_copy);
    *is_new = change == SUBSCRIPTION_NEW;
    return change == SUBSCRIPTION_NO_MEMORY ? GMQ_REASON_UNSPECIFIED_ERROR : (gmq_reason)(options & SUBSCRIBE_QOS_MASK);
}

/* Where a filter stands in the list; the count if it isn't there. */
static uint32_t session_list_find(const struct session *session, gmq_view filter)
{
    gmq_view share_name = {NULL, 0};
    gmq_view inner = filter;
    (void)topic_split_shared(filter, &share_name, &inner);
    const struct topic_node *node = subscription_node(session->shard->broker->subscriptions, inner);
    uint32_t index = 0;
    while (index < session->subscription_count &&
           (node == NULL || !subscription_is(&session->subscriptions[index], node, share_name)))
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
    mem_free(session->subscriptions[index].share_name);
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
    (void)subscription_remove(shard->broker->subscriptions, shard->reader, filter, session);
    session_list_remove(session, index);
    return GMQ_REASON_SUCCESS;
}

/* Room for any filter, on the stack: the end of a session must not fail for want of memory. */
struct filter_text {
    char text[UINT16_MAX + 1];
};

/* "$share/NAME/" and the filter of an entry, as the client wrote it. */
static gmq_view session_list_filter(const struct session_subscription *entry, struct filter_text *filter)
{
    size_t used = 0;
    if (entry->share_name != NULL)
        used = (size_t)snprintf(filter->text, sizeof filter->text, "$share/%s/", entry->share_name);
    size_t length = topic_node_path(entry->node, filter->text + used, sizeof filter->text - used);
    return gmq_view_make(filter->text, used + length);
}

void session_unsubscribe_all(struct session *session)
{
    struct shard *shard = session->shard;
    struct filter_text text;
    for (uint32_t i = 0; i < session->subscription_count; i++) {
        struct session_subscription *entry = &session->subscriptions[i];
        gmq_view filter = session_list_filter(entry, &text);
        (void)subscription_remove(shard->broker->subscriptions, shard->reader, filter, session);
        mem_free(entry->share_name);
    }
    mem_free(session->subscriptions);
    session->subscriptions = NULL;
    session->subscription_count = 0;
    session->subscription_capacity = 0;
}

/* The first of the session's groups that the topic belongs to, and that has another member, takes the message. */
void session_pass_on(struct session *session, struct message *message)
{
    struct filter_text text;
    struct publication publication;
    publication_init_kept(&publication, message);
    publication.except = session;
    bool is_taken = false;
    for (uint32_t i = 0; i < session->subscription_count && !is_taken; i++) {
        const struct session_subscription *entry = &session->subscriptions[i];
        if (entry->share_name == NULL)
            continue;
        gmq_view share_name = {NULL, 0};
        gmq_view inner = {NULL, 0};
        (void)topic_split_shared(session_list_filter(entry, &text), &share_name, &inner);
        if (!topic_matches(inner, message_topic(message)))
            continue;
        const struct filter_subscribers *filters = topic_node_value(entry->node);
        struct share_group *group = filters != NULL ? share_group_find(filters, share_name) : NULL;
        is_taken = group != NULL && delivery_to_group(session->shard, &publication, group);
    }
    publication_deinit(&publication);
}
