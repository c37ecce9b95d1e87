/* What the processes of isolated plugins still have to answer, by worker. An id is given once in the broker's life, so
 * whoever holds an old one, a newer process among them, finds nothing. */
#include "base/memory.h"
#include "isolate/isolated.h"
#include "plugin/route.h"

#include <string.h>

struct table {
    struct pending **slots;
    uint32_t count;
    uint32_t *free;
    uint32_t free_count;
    uint64_t serial;
    struct list guests;
    uint32_t used;
};

static struct table tables[BROKER_WORKERS_MAX];

static bool table_grow(struct table *table)
{
    uint32_t count = table->count == 0 ? 64 : table->count * 2;
    if (count > MESSAGE_CALL_SLOTS)
        return false;
    struct pending **slots = mem_realloc(table->slots, count * sizeof(struct pending *));
    if (slots == NULL)
        return false;
    table->slots = slots;
    uint32_t *free = mem_realloc(table->free, count * sizeof *free);
    if (free == NULL)
        return false;
    table->free = free;
    for (uint32_t i = count; i > table->count; i--) {
        slots[i - 1] = NULL;
        free[table->free_count++] = i - 1;
    }
    table->count = count;
    return true;
}

struct pending *pending_new(struct lane *lane)
{
    struct table *table = &tables[lane->worker];
    if (table->guests.next == NULL)
        list_init(&table->guests);
    if (table->free_count == 0 && !table_grow(table))
        return NULL;
    struct pending *pending = mem_alloc_zero(1, sizeof *pending);
    if (pending == NULL)
        return NULL;
    uint32_t slot = table->free[--table->free_count];
    table->slots[slot] = pending;
    table->used++;
    pending->id = MESSAGE_CALL_MARK | (uint64_t)lane->worker << MESSAGE_CALL_WORKER_SHIFT |
                  (table->serial++ << MESSAGE_CALL_SERIAL_SHIFT & ((UINT64_C(1) << MESSAGE_CALL_WORKER_SHIFT) - 1)) |
                  slot;
    pending->lane = lane;
    pending->plugin = lane->isolated->plugin;
    pending->on_fault = GMQ_REJECT;
    list_init(&pending->guest_link);
    list_append(&lane->pending, &pending->link);
    lane->pending_count++;
    lane->owed++;
    return pending;
}

struct pending *pending_find(uint32_t worker, uint64_t id)
{
    const struct table *table = &tables[worker];
    uint32_t slot = (uint32_t)(id & (MESSAGE_CALL_SLOTS - 1));
    struct pending *pending = slot < table->count ? table->slots[slot] : NULL;
    return pending != NULL && pending->id == id ? pending : NULL;
}

struct pending *pending_find_deferral(uint32_t worker, const struct gmq_deferral *deferral)
{
    const struct table *table = &tables[worker];
    for (uint32_t i = 0; i < table->count; i++) {
        struct pending *pending = table->slots[i];
        if (pending != NULL && pending->deferral == deferral)
            return pending;
    }
    return NULL;
}

void pending_set_client(struct pending *pending, struct gmq_client *client)
{
    pending->client = client;
    if (client != NULL)
        list_append(&tables[pending->lane->worker].guests, &pending->guest_link);
}

void pending_client_gone(uint32_t worker, const struct gmq_client *client)
{
    struct list *guests = &tables[worker].guests, *next;
    if (guests->next == NULL)
        return;
    for (struct list *link = guests->next; link != guests; link = next) {
        next = link->next;
        struct pending *pending = LIST_OBJECT(link, struct pending, guest_link);
        if (pending->client == client) {
            pending->client = NULL;
            list_remove(link);
        }
    }
}

void pending_free(struct pending *pending)
{
    struct lane *lane = pending->lane;
    struct table *table = &tables[lane->worker];
    uint32_t slot = (uint32_t)(pending->id & (MESSAGE_CALL_SLOTS - 1));
    table->slots[slot] = NULL;
    table->free[table->free_count++] = slot;
    list_remove(&pending->link);
    list_remove(&pending->guest_link);
    lane->pending_count--;
    lane->owed -= !pending->is_put_off;
    mem_free(pending);
    if (--table->used > 0)
        return;
    mem_free(table->slots);
    mem_free(table->free);
    table->slots = NULL;
    table->free = NULL;
    table->count = table->free_count = 0; /* the serial number goes on */
}

/* As if the resume had arrived by mail, which on the worker itself it needn't. */
void pending_settle(struct pending *pending, gmq_verdict verdict, gmq_reason reason, const char *text)
{
    struct gmq_deferral *deferral = pending->deferral;
    pending_free(pending);
    deferral->verdict = verdict;
    deferral->reason = reason;
    if (text != NULL)
        deferral->text = mem_copy_text(text, strlen(text)); /* without it, if memory is out */
    deferral->mail.handle(deferral->shard, &deferral->mail);
}

static void event_fail(struct pending *pending)
{
    struct gmq_plugin *plugin = pending->plugin;
    pending_free(pending);
    atomic_fetch_sub_explicit(&plugin->pins, 1, memory_order_release);
}

void pending_fail(struct pending *pending)
{
    if (pending->deferral == NULL) {
        event_fail(pending);
        return;
    }
    if (pending->deferral->is_started && !pending->deferral->is_over)
        route_fault(&pending->deferral->call);
    pending_settle(pending, pending->on_fault, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, "the plugin has failed");
}
