/* What a message costs in the queue of a session that is away. */
#include "broker/queue.h"

#include "base/bench/bench.h"

enum { DEPTH = 100 };

static struct queue queue;
static struct message *message;

static void begin(void)
{
    struct message_parts parts = {
        .topic = GMQ_VIEW("load/7"), .payload = GMQ_VIEW("payload"), .expires_ns = UINT64_MAX, .qos = 1};
    message = message_new(&parts);
    bench_demand(message != NULL, "memory is out");
}

/* As it would be after a reconnection: all in, all out. */
static void push_and_pop(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i += DEPTH) {
        for (int k = 0; k < DEPTH; k++) {
            struct delivery delivery = {.message = message, .qos = 1};
            message_ref(message, 1);
            bench_demand(queue_push(&queue, &delivery), "memory is out");
        }
        struct delivery delivery;
        while (queue_pop(&queue, &delivery))
            delivery_deinit(&delivery);
    }
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"queue/push-pop", "one of 100 messages goes in and out", begin, push_and_pop},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
