/* The will of a client. */
#include "broker/will.h"

#include "base/memory.h"
#include "broker/delivery.h"
#include "mqtt/properties.h"

/* The will's expiry runs from its publication (5.0, 3.1.3.2.4), so `expires_ns` holds the interval until then. */
static struct message *will_message(const struct gmq_publish *packet, uint64_t publisher)
{
    struct publication publication;
    publication_init(&publication, packet, publisher, 0);
    struct message *message = publication_message(&publication);
    if (message != NULL)
        message_ref(message, 1);
    publication_deinit(&publication);
    return message;
}

struct will *will_new(const struct gmq_publish *packet, uint64_t publisher)
{
    struct will *will = mem_alloc(sizeof *will);
    if (will == NULL)
        return NULL;
    will->message = will_message(packet, publisher);
    if (will->message == NULL) {
        mem_free(will);
        return NULL;
    }
    will->delay = properties_number(&packet->packet.properties, PROPERTY_WILL_DELAY_INTERVAL, 0);
    return will;
}

void will_free(struct will *will)
{
    if (will == NULL)
        return;
    message_unref(will->message);
    mem_free(will);
}

void will_publish(struct shard *shard, struct will *will)
{
    struct message *message = will->message; /* nobody else has it yet: it may still be changed */
    if (message->expires_ns != UINT64_MAX)
        message->expires_ns += shard->now_ns;
    struct publication publication;
    publication_init_kept(&publication, message);
    gmq_status status = GMQ_OK;
    if (message->is_retained)
        status =
            retained_store_put(shard->broker->retained, shard->reader, message, shard_limits(shard)->retained_messages);
    if (status != GMQ_OK)
        log_write(GMQ_LOG_WARNING, "broker", "a will could not be retained: %s",
                  status == GMQ_ERROR_LIMIT ? "limits.retained_messages is reached" : "out of memory");
    if (delivery_publish(shard, &publication, NULL) != GMQ_OK)
        log_write(GMQ_LOG_ERROR, "broker", "a will did not reach all subscribers: out of memory");
    publication_deinit(&publication);
    will_free(will);
}
