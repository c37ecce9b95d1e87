/* Messages for sessions of another worker, put together in one piece of mail. */
#include "broker/parcel.h"

#include "base/memory.h"
#include "broker/shard.h"

#include <stdalign.h>
#include <string.h>

enum {
    PARCEL_CAPACITY = 16 * 1024 - 64, /* with its header a little less than four pages */
    PARCEL_COPIED_MOST = 1024,        /* bytes of a message; a longer one is referenced */
    PARCEL_SPARE_MOST = 8
};

struct parcel {
    struct shard_mail mail;
    uint32_t used;
    uint32_t capacity;
    struct parcel *next_spare;
    alignas(8) char bytes[];
};

/* One message; its targets follow, then its bytes if they are copied. */
struct parcel_record {
    struct message *message; /* a reference; NULL: copied */
    uint64_t expires_ns;
    uint64_t publisher;
    uint32_t size; /* of all of it, a multiple of 8 */
    uint32_t target_count;
    uint32_t properties_length;
    uint32_t payload_length;
    uint16_t topic_length;
    uint8_t qos;
    bool is_retained;
    alignas(8) struct delivery_target targets[];
};

static void parcel_arrived(struct shard *shard, struct shard_mail *mail);

/* ---- where it is sent from ---- */

static struct parcel *parcel_new(struct shard *shard, size_t size)
{
    struct parcel *parcel = shard->spare_parcels;
    if (parcel != NULL && size <= PARCEL_CAPACITY) {
        shard->spare_parcels = parcel->next_spare;
        shard->spare_parcel_count--;
    } else {
        size_t capacity = size > PARCEL_CAPACITY ? size : PARCEL_CAPACITY;
        parcel = mem_alloc(sizeof *parcel + capacity);
        if (parcel == NULL)
            return NULL;
        parcel->capacity = (uint32_t)capacity;
    }
    parcel->mail.handle = parcel_arrived;
    parcel->used = 0;
    return parcel;
}

/* Room for a record in the parcel that is open for the worker, or in a new one. */
static void *parcel_reserve(struct shard *shard, uint32_t worker, size_t size)
{
    struct parcel *parcel = shard->parcels[worker];
    if (size > UINT32_MAX)
        return NULL;
    if (parcel == NULL || size > parcel->capacity - parcel->used) {
        parcel = parcel_new(shard, size);
        if (parcel == NULL)
            return NULL;
        shard_post(shard, worker, &parcel->mail);
        shard->parcels[worker] = parcel;
    }
    void *room = parcel->bytes + parcel->used;
    parcel->used += (uint32_t)size;
    return room;
}

static char *put_view(char *to, gmq_view view)
{
    if (view.length != 0)
        memcpy(to, view.data, view.length);
    return to + view.length;
}

/* A group must outlast the way. */
static void targets_hold(const struct delivery_target *targets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (targets[i].group != NULL)
            share_group_ref(targets[i].group);
    }
}

bool parcel_add(struct shard *shard, uint32_t worker, const struct target_list *list, struct publication *publication)
{
    (void)publication_properties(publication); /* in wire form from here on */
    if (publication->properties.is_failed)
        return false;
    const struct message_parts *parts = &publication->parts;
    size_t length = parts->topic.length + parts->properties.length + parts->payload.length;
    struct message *message = NULL;
    if (length > PARCEL_COPIED_MOST) {
        message = publication_message(publication);
        if (message == NULL)
            return false;
        length = 0;
    }
    size_t targets_size = list->count * sizeof list->targets[0];
    size_t size = (sizeof(struct parcel_record) + targets_size + length + 7) & ~(size_t)7;
    struct parcel_record *record = parcel_reserve(shard, worker, size);
    if (record == NULL)
        return false;
    if (message != NULL)
        message_ref(message, 1);
    *record = (struct parcel_record){
        .message = message,
        .expires_ns = parts->expires_ns,
        .publisher = parts->publisher,
        .size = (uint32_t)size,
        .target_count = list->count,
        .properties_length = (uint32_t)parts->properties.length,
        .payload_length = (uint32_t)parts->payload.length,
        .topic_length = (uint16_t)parts->topic.length,
        .qos = parts->qos,
        .is_retained = parts->is_retained,
    };
    memcpy(record->targets, list->targets, targets_size);
    targets_hold(record->targets, record->target_count);
    if (message == NULL) {
        char *end = put_view((char *)record->targets + targets_size, parts->topic);
        end = put_view(end, parts->properties);
        put_view(end, parts->payload);
    }
    return true;
}

void parcel_seal(struct shard *shard, uint32_t worker)
{
    shard->parcels[worker] = NULL;
}

void parcel_seal_all(struct shard *shard)
{
    memset(shard->parcels, 0, shard->broker->worker_count * sizeof(struct parcel *));
}

/* ---- where it arrives ---- */

/* The views are the record's, which stays as long as the publication. */
static void publication_init_record(struct publication *publication, const struct parcel_record *record)
{
    if (record->message != NULL) {
        publication_init_kept(publication, record->message);
        return;
    }
    const char *bytes = (const char *)(record->targets + record->target_count);
    struct message_parts parts = {
        .topic = gmq_view_make(bytes, record->topic_length),
        .properties = gmq_view_make(bytes + record->topic_length, record->properties_length),
        .payload = gmq_view_make(bytes + record->topic_length + record->properties_length, record->payload_length),
        .expires_ns = record->expires_ns,
        .publisher = record->publisher,
        .qos = record->qos,
        .is_retained = record->is_retained,
    };
    publication_init_parts(publication, &parts);
}

static void targets_release(const struct delivery_target *targets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (targets[i].group != NULL)
            share_group_unref(targets[i].group);
    }
}

static void record_deliver(struct shard *shard, struct parcel_record *record)
{
    struct target_list list = {.targets = record->targets, .count = record->target_count};
    struct publication publication;
    publication_init_record(&publication, record);
    shard->call_depth++;
    target_list_deliver(shard, &list, &publication);
    shard_call_end(shard);
    publication_deinit(&publication);
    targets_release(record->targets, record->target_count);
    message_unref(record->message);
}

/* The workers' parcels wander; each keeps some of those that it got for those that it sends. */
static void parcel_keep(struct shard *shard, struct parcel *parcel)
{
    if (parcel->capacity != PARCEL_CAPACITY || shard->spare_parcel_count >= PARCEL_SPARE_MOST) {
        mem_free(parcel);
        return;
    }
    parcel->next_spare = shard->spare_parcels;
    shard->spare_parcels = parcel;
    shard->spare_parcel_count++;
}

static void parcel_arrived(struct shard *shard, struct shard_mail *mail)
{
    struct parcel *parcel = (struct parcel *)(void *)mail;
    for (uint32_t at = 0; at < parcel->used;) {
        struct parcel_record *record = (struct parcel_record *)(void *)(parcel->bytes + at);
        at += record->size;
        record_deliver(shard, record);
    }
    parcel_keep(shard, parcel);
}

void parcel_free_spare(struct shard *shard)
{
    while (shard->spare_parcels != NULL) {
        struct parcel *parcel = shard->spare_parcels;
        shard->spare_parcels = parcel->next_spare;
        mem_free(parcel);
    }
    shard->spare_parcel_count = 0;
}
