/* What all workers share. */
#include "base/hash.h"
#include "base/memory.h"
#include "broker/shard.h"

struct broker *broker_new(uint32_t worker_count, const struct shard_ways *ways)
{
    struct broker *broker = mem_alloc_zero(1, sizeof *broker);
    if (broker == NULL)
        return NULL;
    broker->worker_count = worker_count;
    broker->ways = ways;
    broker->grace = grace_new();
    broker->subscriptions = subscription_index_new();
    broker->retained = retained_store_new();
    if (broker->grace != NULL && broker->subscriptions != NULL && broker->retained != NULL)
        return broker;
    broker_free(broker);
    return NULL;
}

void broker_free(struct broker *broker)
{
    if (broker == NULL)
        return;
    if (broker->grace != NULL)
        grace_free(broker->grace);
    if (broker->subscriptions != NULL)
        subscription_index_free(broker->subscriptions);
    if (broker->retained != NULL)
        retained_store_free(broker->retained);
    for (uint32_t i = 0; i < BROKER_WORKERS_MAX; i++)
        session_pool_free(broker->session_pools[i]);
    mem_free(broker);
}

uint32_t broker_worker_of(const struct broker *broker, gmq_view client_identifier)
{
    if (broker->worker_count == 1)
        return 0;
    return (uint32_t)(hash_bytes(client_identifier.data, client_identifier.length) % broker->worker_count);
}
