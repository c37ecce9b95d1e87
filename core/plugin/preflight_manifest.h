/* What the preflight child is told: a file of texts, each ended by a zero, in the folder of private copies. */
#ifndef PLUGIN_PREFLIGHT_MANIFEST_H
#define PLUGIN_PREFLIGHT_MANIFEST_H

#include "plugin/preflight.h"

/* One preflight's files, on the parent's side. */
struct preflight_files {
    char *manifest;
    char *text;
    char *storage;
};

/* Writes all three files. False with a line in `problems`. `files` is to be removed in any case. */
bool preflight_files_write(const struct preflight_task *task, struct preflight_files *files, struct problems *problems);
void preflight_files_remove(struct preflight_files *files);

/* The child's view: everything points into `bytes`. */
struct preflight_manifest {
    char *bytes;
    const char *file; /* of the configuration, for messages and relative paths */
    const char *text; /* path of its copy */
    const char *storage;
    struct config_overrides overrides;
    struct config_plugin_file *files; /* where the parent has found the plugins */
    size_t file_count;
    struct generation_copies copies; /* borrowed */
};

bool preflight_manifest_read(const char *path, struct preflight_manifest *manifest, struct problems *problems);
void preflight_manifest_deinit(struct preflight_manifest *manifest);

/* All bytes of a regular file of at most `limit` bytes and a zero behind them, to be freed. NULL with a line in
 * `problems`. */
char *preflight_file_read(const char *path, size_t limit, size_t *length, struct problems *problems);

#endif
