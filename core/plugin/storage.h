/* The bytes that the broker keeps for plugins by name, beyond any version of their code. Any thread: a lock inside, as
 * nothing here is on the way of a packet. */
#ifndef PLUGIN_STORAGE_H
#define PLUGIN_STORAGE_H

#include <graftmq/abi.h>
#include <stdatomic.h>
#include <stddef.h>

struct plugin_storage;

struct plugin_storage *plugin_storage_new(void);
void plugin_storage_free(struct plugin_storage *storage);

/* Copies up to `capacity` bytes; returns the stored length. */
size_t plugin_storage_read(struct plugin_storage *storage, gmq_view name, void *bytes, size_t capacity);
gmq_status plugin_storage_write(struct plugin_storage *storage, gmq_view name, const void *bytes, size_t length);

/* The same, with the layout of the bytes (0 above). What is not between layouts->oldest and ->newest is read as
 * nothing; of the result `own` is the length and `layout` its layout. */
struct bytes_kept {
    uint32_t layout;
    size_t own, clients, sessions; /* bytes of the plugin's own, and with how many of these there are some */
};
struct bytes_kept plugin_storage_read_between(struct plugin_storage *storage, gmq_view name,
                                              const gmq_bytes_layouts *layouts, void *bytes, size_t capacity);
gmq_status plugin_storage_write_layout(struct plugin_storage *storage, gmq_view name, uint32_t layout,
                                       const void *bytes, size_t length);

/* How much of one layout is kept under a name with clients and sessions: the workers count. Lives as long as the
 * storage. */
enum bytes_owner { BYTES_OF_CLIENT, BYTES_OF_SESSION, BYTES_OWNERS };
struct bytes_tally {
    struct bytes_tally *next;
    char *name;
    uint32_t layout;
    atomic_size_t kept[BYTES_OWNERS];
};
struct bytes_tally *plugin_storage_tally(struct plugin_storage *storage, gmq_view name, uint32_t layout);

/* Whether bytes are kept under the name that `layouts` does not read; the first such layout found. */
bool plugin_storage_has_unreadable(struct plugin_storage *storage, gmq_view name, const gmq_bytes_layouts *layouts,
                                   struct bytes_kept *kept);

/* All of it to a file, and back: for the preflight, which shall see what the broker has. False: errno says why. */
bool plugin_storage_save(struct plugin_storage *storage, const char *path);
bool plugin_storage_restore(struct plugin_storage *storage, const char *path);

#endif
