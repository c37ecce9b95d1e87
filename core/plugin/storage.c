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
    struct bytes_tally *tallies; /* few: one for each name and layout that a plugin ever had */
};

struct entry {
    char *name;
    size_t name_length;
    size_t length;
    uint8_t *bytes;
    uint32_t layout;
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

static struct entry *entry_new(gmq_view name, uint32_t layout, const void *bytes, size_t length)
{
    struct entry *entry = mem_alloc_zero(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->name = mem_copy_text(name.data, name.length);
    entry->name_length = name.length;
    entry->bytes = mem_alloc(length);
    entry->length = length;
    entry->layout = layout;
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
    while (storage->tallies != NULL) {
        struct bytes_tally *tally = storage->tallies;
        storage->tallies = tally->next;
        mem_free(tally->name);
        mem_free(tally);
    }
    pthread_mutex_destroy(&storage->lock);
    mem_free(storage);
}

static bool is_between(const gmq_bytes_layouts *layouts, uint32_t layout)
{
    return layout >= layouts->oldest && layout <= layouts->newest;
}

struct bytes_kept plugin_storage_read_between(struct plugin_storage *storage, gmq_view name,
                                              const gmq_bytes_layouts *layouts, void *bytes, size_t capacity)
{
    struct bytes_kept kept = {0};
    pthread_mutex_lock(&storage->lock);
    const struct entry *entry = map_find(&storage->entries, name);
    if (entry != NULL && is_between(layouts, entry->layout)) {
        kept.own = entry->length;
        kept.layout = entry->layout;
        size_t copied = entry->length < capacity ? entry->length : capacity;
        if (copied != 0)
            memcpy(bytes, entry->bytes, copied);
    }
    pthread_mutex_unlock(&storage->lock);
    return kept;
}

size_t plugin_storage_read(struct plugin_storage *storage, gmq_view name, void *bytes, size_t capacity)
{
    static const gmq_bytes_layouts none = {0};
    return plugin_storage_read_between(storage, name, &none, bytes, capacity).own;
}

static struct bytes_tally *tally_new(gmq_view name, uint32_t layout)
{
    struct bytes_tally *tally = mem_alloc_zero(1, sizeof(*tally));
    if (tally == NULL)
        return NULL;
    tally->name = mem_copy_text(name.data, name.length);
    tally->layout = layout;
    if (tally->name != NULL)
        return tally;
    mem_free(tally);
    return NULL;
}

struct bytes_tally *plugin_storage_tally(struct plugin_storage *storage, gmq_view name, uint32_t layout)
{
    pthread_mutex_lock(&storage->lock);
    struct bytes_tally *tally = storage->tallies;
    while (tally != NULL && (tally->layout != layout || !gmq_view_equals(name, tally->name)))
        tally = tally->next;
    if (tally == NULL && (tally = tally_new(name, layout)) != NULL) {
        tally->next = storage->tallies;
        storage->tallies = tally;
    }
    pthread_mutex_unlock(&storage->lock);
    return tally;
}

static bool tally_is_unreadable(const struct bytes_tally *tally, gmq_view name, const gmq_bytes_layouts *layouts,
                                struct bytes_kept *kept)
{
    if (!gmq_view_equals(name, tally->name) || is_between(layouts, tally->layout))
        return false;
    kept->layout = tally->layout;
    kept->clients = atomic_load_explicit(&tally->kept[BYTES_OF_CLIENT], memory_order_relaxed);
    kept->sessions = atomic_load_explicit(&tally->kept[BYTES_OF_SESSION], memory_order_relaxed);
    return kept->clients != 0 || kept->sessions != 0;
}

bool plugin_storage_has_unreadable(struct plugin_storage *storage, gmq_view name, const gmq_bytes_layouts *layouts,
                                   struct bytes_kept *kept)
{
    bool is_found = false;
    *kept = (struct bytes_kept){0};
    pthread_mutex_lock(&storage->lock);
    for (const struct bytes_tally *tally = storage->tallies; tally != NULL && !is_found; tally = tally->next)
        is_found = tally_is_unreadable(tally, name, layouts, kept);
    const struct entry *entry = map_find(&storage->entries, name);
    if (entry != NULL && !is_between(layouts, entry->layout) && (!is_found || entry->layout == kept->layout)) {
        kept->layout = entry->layout;
        kept->own = entry->length;
        is_found = true;
    }
    pthread_mutex_unlock(&storage->lock);
    return is_found;
}

/* Puts `entry` in its place; returns what is to be freed: the entry that was there, or `entry` if it found no place. */
static struct entry *storage_put(struct plugin_storage *storage, struct entry *entry, gmq_status *status)
{
    struct entry *old = map_find(&storage->entries, entry_key(entry));
    if (old != NULL) { /* the bytes change hands, so that nothing can fail */
        struct entry kept = *old;
        old->bytes = entry->bytes;
        old->length = entry->length;
        old->layout = entry->layout;
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
    return plugin_storage_write_layout(storage, name, 0, bytes, length);
}

gmq_status plugin_storage_write_layout(struct plugin_storage *storage, gmq_view name, uint32_t layout,
                                       const void *bytes, size_t length)
{
    if (bytes == NULL && length != 0)
        return GMQ_ERROR_ARGUMENT;
    struct entry *entry = NULL;
    if (length != 0 && (entry = entry_new(name, layout, bytes, length)) == NULL)
        return GMQ_ERROR_MEMORY;
    gmq_status status = GMQ_OK;
    pthread_mutex_lock(&storage->lock);
    entry = entry != NULL ? storage_put(storage, entry, &status) : map_remove(&storage->entries, name);
    pthread_mutex_unlock(&storage->lock);
    entry_free(entry);
    return status;
}

enum { STORAGE_FILE_MAGIC = 0x47724D53 };

static uint64_t tallies_count(const struct bytes_tally *tally)
{
    uint64_t count = 0;
    for (; tally != NULL; tally = tally->next)
        count++;
    return count;
}

static void tally_encode(const struct bytes_tally *tally, struct buffer *buffer)
{
    uint64_t head[4] = {strlen(tally->name), tally->layout,
                        atomic_load_explicit(&tally->kept[BYTES_OF_CLIENT], memory_order_relaxed),
                        atomic_load_explicit(&tally->kept[BYTES_OF_SESSION], memory_order_relaxed)};
    buffer_append(buffer, head, sizeof(head));
    buffer_append(buffer, tally->name, head[0]);
}

static void entries_encode(struct plugin_storage *storage, struct buffer *buffer)
{
    size_t position = 0;
    const struct entry *entry;
    buffer_append_u32(buffer, STORAGE_FILE_MAGIC);
    pthread_mutex_lock(&storage->lock);
    uint64_t counts[2] = {storage->entries.count, tallies_count(storage->tallies)};
    buffer_append(buffer, counts, sizeof(counts));
    while ((entry = map_next(&storage->entries, &position)) != NULL) {
        uint64_t head[3] = {entry->name_length, entry->length, entry->layout};
        buffer_append(buffer, head, sizeof(head));
        buffer_append(buffer, entry->name, entry->name_length);
        buffer_append(buffer, entry->bytes, entry->length);
    }
    for (const struct bytes_tally *tally = storage->tallies; tally != NULL; tally = tally->next)
        tally_encode(tally, buffer);
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

/* What is left of a file's bytes. */
struct rest {
    const uint8_t *bytes;
    size_t length;
};

/* The next `length` bytes, or NULL with errno. */
static const uint8_t *rest_take(struct rest *rest, uint64_t length)
{
    if (length > rest->length) {
        errno = EBADMSG;
        return NULL;
    }
    const uint8_t *taken = rest->bytes;
    rest->bytes += length;
    rest->length -= (size_t)length;
    return taken;
}

static bool rest_take_numbers(struct rest *rest, uint64_t *numbers, size_t count)
{
    const uint8_t *taken = rest_take(rest, count * sizeof(*numbers));
    if (taken != NULL)
        memcpy(numbers, taken, count * sizeof(*numbers));
    return taken != NULL;
}

static bool entry_decode(struct plugin_storage *storage, struct rest *rest)
{
    uint64_t head[3];
    if (!rest_take_numbers(rest, head, 3))
        return false;
    const uint8_t *name = rest_take(rest, head[0]);
    const uint8_t *bytes = name != NULL ? rest_take(rest, head[1]) : NULL;
    if (bytes == NULL)
        return false;
    errno = ENOMEM;
    return plugin_storage_write_layout(storage, gmq_view_make(name, head[0]), (uint32_t)head[2], bytes, head[1]) ==
           GMQ_OK;
}

static bool tally_decode(struct plugin_storage *storage, struct rest *rest)
{
    uint64_t head[4];
    if (!rest_take_numbers(rest, head, 4))
        return false;
    const uint8_t *name = rest_take(rest, head[0]);
    if (name == NULL)
        return false;
    errno = ENOMEM;
    struct bytes_tally *tally = plugin_storage_tally(storage, gmq_view_make(name, head[0]), (uint32_t)head[1]);
    if (tally == NULL)
        return false;
    atomic_store_explicit(&tally->kept[BYTES_OF_CLIENT], head[2], memory_order_relaxed);
    atomic_store_explicit(&tally->kept[BYTES_OF_SESSION], head[3], memory_order_relaxed);
    return true;
}

static bool entries_decode(struct plugin_storage *storage, const uint8_t *bytes, size_t length)
{
    static const uint8_t magic[4] = {0x47, 0x72, 0x4D, 0x53};
    struct rest rest = {bytes, length};
    uint64_t counts[2];
    const uint8_t *begin = rest_take(&rest, sizeof(magic));
    errno = EBADMSG;
    if (begin == NULL || memcmp(begin, magic, sizeof(magic)) != 0 || !rest_take_numbers(&rest, counts, 2))
        return false;
    for (uint64_t i = 0; i < counts[0]; i++) {
        if (!entry_decode(storage, &rest))
            return false;
    }
    for (uint64_t i = 0; i < counts[1]; i++) {
        if (!tally_decode(storage, &rest))
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
