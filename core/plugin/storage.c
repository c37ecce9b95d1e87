/* The bytes kept for plugins by name: one lock, one map; and their way to the preflight and back through a file. */
#include "plugin/storage.h"

#include "base/buffer.h"
#include "base/map.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct plugin_storage {
    pthread_mutex_t lock;
    struct map entries;
};

struct entry {
    char *name;
    size_t name_length;
    size_t length;
    uint8_t *bytes;
};

static gmq_view entry_key(const void *value)
{
    const struct entry *entry = value;
    return gmq_view_make(entry->name, entry->name_length);
}

static void entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    mem_free(entry->name);
    mem_free(entry->bytes);
    mem_free(entry);
}

static struct entry *entry_new(gmq_view name, const void *bytes, size_t length)
{
    struct entry *entry = mem_alloc_zero(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->name = mem_copy_text(name.data, name.length);
    entry->name_length = name.length;
    entry->bytes = mem_alloc(length);
    entry->length = length;
    if (entry->name == NULL || entry->bytes == NULL) {
        entry_free(entry);
        return NULL;
    }
    if (length != 0)
        memcpy(entry->bytes, bytes, length);
    return entry;
}

struct plugin_storage *plugin_storage_new(void)
{
    struct plugin_storage *storage = mem_alloc_zero(1, sizeof(*storage));
    if (storage == NULL)
        return NULL;
    if (pthread_mutex_init(&storage->lock, NULL) != 0) {
        mem_free(storage);
        return NULL;
    }
    map_init(&storage->entries, entry_key);
    return storage;
}

void plugin_storage_free(struct plugin_storage *storage)
{
    if (storage == NULL)
        return;
    size_t position = 0;
    struct entry *entry;
    while ((entry = map_next(&storage->entries, &position)) != NULL)
        entry_free(entry);
    map_deinit(&storage->entries);
    pthread_mutex_destroy(&storage->lock);
    mem_free(storage);
}

size_t plugin_storage_read(struct plugin_storage *storage, gmq_view name, void *bytes, size_t capacity)
{
    size_t length = 0;
    pthread_mutex_lock(&storage->lock);
    const struct entry *entry = map_find(&storage->entries, name);
    if (entry != NULL) {
        length = entry->length;
        size_t copied = length < capacity ? length : capacity;
        if (copied != 0)
            memcpy(bytes, entry->bytes, copied);
    }
    pthread_mutex_unlock(&storage->lock);
    return length;
}

/* Puts `entry` in its place; returns what is to be freed: the entry that was there, or `entry` if it found no place. */
static struct entry *storage_put(struct plugin_storage *storage, struct entry *entry, gmq_status *status)
{
    struct entry *old = map_find(&storage->entries, entry_key(entry));
    if (old != NULL) { /* the bytes change hands, so that nothing can fail */
        struct entry kept = *old;
        old->bytes = entry->bytes;
        old->length = entry->length;
        entry->bytes = kept.bytes;
        return entry;
    }
    if (map_insert(&storage->entries, entry))
        return NULL;
    *status = GMQ_ERROR_MEMORY;
    return entry;
}

gmq_status plugin_storage_write(struct plugin_storage *storage, gmq_view name, const void *bytes, size_t length)
{
    if (bytes == NULL && length != 0)
        return GMQ_ERROR_ARGUMENT;
    struct entry *entry = NULL;
    if (length != 0 && (entry = entry_new(name, bytes, length)) == NULL)
        return GMQ_ERROR_MEMORY;
    gmq_status status = GMQ_OK;
    pthread_mutex_lock(&storage->lock);
    entry = entry != NULL ? storage_put(storage, entry, &status) : map_remove(&storage->entries, name);
    pthread_mutex_unlock(&storage->lock);
    entry_free(entry);
    return status;
}

enum { STORAGE_FILE_MAGIC = 0x47724D53 };

static void entries_encode(struct plugin_storage *storage, struct buffer *buffer)
{
    size_t position = 0;
    const struct entry *entry;
    buffer_append_u32(buffer, STORAGE_FILE_MAGIC);
    pthread_mutex_lock(&storage->lock);
    while ((entry = map_next(&storage->entries, &position)) != NULL) {
        uint64_t head[2] = {entry->name_length, entry->length};
        buffer_append(buffer, head, sizeof(head));
        buffer_append(buffer, entry->name, entry->name_length);
        buffer_append(buffer, entry->bytes, entry->length);
    }
    pthread_mutex_unlock(&storage->lock);
}

static bool write_all(int descriptor, const uint8_t *bytes, size_t length)
{
    while (length != 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

bool plugin_storage_save(struct plugin_storage *storage, const char *path)
{
    struct buffer buffer;
    buffer_init(&buffer);
    entries_encode(storage, &buffer);
    bool is_saved = false;
    int descriptor = -1;
    if (buffer.is_failed)
        errno = ENOMEM;
    else
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor >= 0) {
        is_saved = write_all(descriptor, buffer.bytes, buffer.length);
        int reason = errno;
        close(descriptor);
        errno = reason;
    }
    buffer_deinit(&buffer);
    return is_saved;
}

/* Reads one entry; false if the bytes are no whole entry, or memory is out. */
static bool entry_decode(struct plugin_storage *storage, const uint8_t **bytes, size_t *left)
{
    uint64_t head[2];
    errno = EBADMSG;
    if (*left < sizeof(head))
        return false;
    memcpy(head, *bytes, sizeof(head));
    *left -= sizeof(head);
    if (head[0] > *left || head[1] > *left - head[0])
        return false;
    const uint8_t *name = *bytes + sizeof(head);
    if (plugin_storage_write(storage, gmq_view_make(name, head[0]), name + head[0], head[1]) != GMQ_OK) {
        errno = ENOMEM;
        return false;
    }
    *bytes = name + head[0] + head[1];
    *left -= head[0] + head[1];
    return true;
}

static bool entries_decode(struct plugin_storage *storage, const uint8_t *bytes, size_t length)
{
    static const uint8_t magic[4] = {0x47, 0x72, 0x4D, 0x53};
    if (length < sizeof(magic) || memcmp(bytes, magic, sizeof(magic)) != 0) {
        errno = EBADMSG;
        return false;
    }
    bytes += sizeof(magic);
    length -= sizeof(magic);
    while (length != 0) {
        if (!entry_decode(storage, &bytes, &length))
            return false;
    }
    return true;
}

static bool read_all(int descriptor, struct buffer *buffer)
{
    for (;;) {
        uint8_t *space = buffer_reserve(buffer, 65536);
        if (space == NULL) {
            errno = ENOMEM;
            return false;
        }
        ssize_t length = read(descriptor, space, 65536);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length == 0;
        buffer->length += (size_t)length;
    }
}

bool plugin_storage_restore(struct plugin_storage *storage, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return false;
    struct buffer buffer;
    buffer_init(&buffer);
    bool is_restored = read_all(descriptor, &buffer) && entries_decode(storage, buffer.bytes, buffer.length);
    int reason = errno;
    buffer_deinit(&buffer);
    close(descriptor);
    errno = reason;
    return is_restored;
}
