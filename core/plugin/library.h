/* Loads shared objects by private copy, and lets them go. The only file that calls dlopen.
 *
 * The file that the configuration names is read once; what is mapped is a copy under a name that this process uses
 * once. So the file on disk may be overwritten, moved or deleted at any time, and a second load never returns the first
 * code. The copy stays on disk while it is mapped, for debuggers and profilers. Controller's thread only. */
#ifndef PLUGIN_LIBRARY_H
#define PLUGIN_LIBRARY_H

#include "base/problems.h"
#include "plugin/elf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIBRARY_SIZE_MAX = 256 * 1024 * 1024 };

/* The folder of private copies, one per process, mode 0700: below $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, $TMPDIR or
 * /tmp, the first where a file can be written. Folders of processes that are gone are removed. NULL with a line in
 * `problems`. */
struct library_folder;
struct library_folder *library_folder_open(struct problems *problems);
void library_folder_close(struct library_folder *folder); /* removes it and what is in it */
const char *library_folder_path(const struct library_folder *folder);

/* A private copy of a plugin file, not yet mapped. */
struct library_copy {
    char *path;       /* of the copy */
    char content[33]; /* hash of the bytes */
    uint64_t size;
    bool is_borrowed; /* of another process (preflight): the file is not deleted here */
    bool is_nodelete; /* linked with -z nodelete */
    bool is_sticky;   /* known to stay mapped when it is closed: for that reason, or seen in preflight */
    bool uses_origin; /* has $ORIGIN in its run path, which is not the folder of the original */
    char build_id[ELF_BUILD_ID_SIZE]; /* see elf.h */
    bool is_denied; /* there is none: the folder didn't take it (full, read-only, gone), nor will it take another */
};

/* Copies `path` into the folder and checks what can be seen without loading: that it is a regular file, an ELF shared
 * object for this machine, whole, without unique symbols (STB_GNU_UNIQUE). A line in `problems`, beginning with
 * `place`, else. */
bool library_copy_make(struct library_folder *folder, const char *path, const char *place, struct library_copy *copy,
                       struct problems *problems);

/* A second name for the file of a copy, under which it outlives the first; never to be mapped, as the loader would take
 * it for the first. False: errno says why. */
bool library_copy_keep(struct library_folder *folder, const struct library_copy *copy, struct library_copy *kept)
    __attribute__((warn_unused_result));

/* As library_copy_make, from what was kept; `path` is what messages call it. */
bool library_copy_again(struct library_folder *folder, const struct library_copy *kept, const char *path,
                        const char *place, struct library_copy *copy, struct problems *problems)
    __attribute__((warn_unused_result));

void library_copy_remove(
    struct library_copy *copy); /* deletes the file of a copy that was not opened; frees the strings */

struct library {
    void *handle; /* NULL: it isn't mapped */
    char *path_original;
    int threads; /* that its load function has started */
    struct library_copy copy;
};

/* Maps the copy (RTLD_NOW | RTLD_LOCAL), taking it over, also on failure. NULL with a line in `problems` that has the
 * loader's own message with the copy's path replaced by the original's. */
struct library *library_open(struct library_copy *copy, const char *path_original, const char *place,
                             struct problems *problems);

/* Takes the copy over without mapping it: its code runs in another process. NULL, and the copy removed, when memory is
 * out. */
struct library *library_hold(struct library_copy *copy, const char *path_original);
bool library_is_mapped(const struct library *library);

/* The address of a data symbol that the library itself exports (not one of its dependencies), or NULL. */
const void *library_symbol(const struct library *library, const char *name);

/* Whether an address lies in some mapped object's range: what a record or descriptor points to must. */
bool library_is_address(const void *address);

/* Calls `visit` with each exported symbol that begins with `prefix`, until it answers false. Reads the copy's file. */
void library_each_symbol(const struct library *library, const char *prefix, bool (*visit)(const char *name, void *data),
                         void *data);

/* Before and after a load function: threads that it starts are the library's, and don't keep others from being
 * unmapped. */
int library_load_begin(void);
void library_load_end(struct library *library, int begin);

/* Unmaps, verifies that nothing of the copy is left in the address space, and deletes the copy. If something is left
 * (NODELETE, a thread-local destructor, ...), the library is retired: the copy stays, and false is returned. Frees
 * `library` in both cases. */
bool library_close(struct library *library);

/* Retired libraries so far, and the bytes that they keep mapped. */
struct library_retired {
    size_t count;
    size_t bytes;
};
struct library_retired library_retired_total(void);

#endif
