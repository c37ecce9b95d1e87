/* The bytes that the broker keeps for plugins by name, beyond any version of their code. Any thread: a lock inside, as
 * nothing here is on the way of a packet. */
#ifndef PLUGIN_STORAGE_H
#define PLUGIN_STORAGE_H

#include <graftmq/types.h>
#include <stddef.h>

struct plugin_storage;

struct plugin_storage *plugin_storage_new(void);
void plugin_storage_free(struct plugin_storage *storage);

/* Copies up to `capacity` bytes; returns the stored length. */
size_t plugin_storage_read(struct plugin_storage *storage, gmq_view name, void *bytes, size_t capacity);
gmq_status plugin_storage_write(struct plugin_storage *storage, gmq_view name, const void *bytes, size_t length);

/* All of it to a file, and back: for the preflight, which shall see what the broker has. False: errno says why. */
bool plugin_storage_save(struct plugin_storage *storage, const char *path);
bool plugin_storage_restore(struct plugin_storage *storage, const char *path);

#endif
