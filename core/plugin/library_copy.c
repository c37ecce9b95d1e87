/* Private copies of plugin files: read whole, examined, named by their hash, written under a new name. */
#include "plugin/library_folder.h"

#include "base/hash.h"
#include "base/memory.h"
#include "plugin/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What every message here is about. */
struct subject {
    const char *place;
    const char *path; /* as people know it */
    const char *file; /* that is read */
    struct problems *problems;
};

static bool refuse(const struct subject *subject, const char *why)
{
    problems_add(subject->problems, "%s: cannot load \"%s\": %s", subject->place, subject->path, why);
    return false;
}

static bool refuse_system(const struct subject *subject, const char *what, int reason)
{
    char why[4096 + 256];
    snprintf(why, sizeof(why), "%s: %s", what, strerror(reason));
    return refuse(subject, why);
}

static bool refuse_open(const struct subject *subject, int reason)
{
    if (reason == ENOENT)
        return refuse(subject, "there is no such file; build or install the plugin, or correct \"path\"");
    if (reason == EACCES)
        return refuse(subject, "the broker's user may not read it; change its permissions");
    return refuse_system(subject, "it can't be opened", reason);
}

static bool kind_check(const struct subject *subject, const struct stat *status)
{
    if (S_ISREG(status->st_mode) && status->st_size <= LIBRARY_SIZE_MAX)
        return true;
    if (S_ISREG(status->st_mode))
        return refuse(subject, "it is larger than 256 MiB; strip it, or move its data to a file of its own");
    const char *kind = S_ISDIR(status->st_mode)    ? "it is a directory"
                       : S_ISFIFO(status->st_mode) ? "it is a named pipe"
                       : S_ISSOCK(status->st_mode) ? "it is a socket"
                                                   : "it is a device";
    char why[128];
    snprintf(why, sizeof(why), "%s; name the plugin's .so file", kind);
    return refuse(subject, why);
}

/* Reads until the end, whatever size the file had a moment ago: it may be written to meanwhile. */
static bool read_whole(const struct subject *subject, int descriptor, char *bytes, size_t capacity, size_t *length)
{
    size_t used = 0;
    for (;;) {
        if (used == capacity)
            return refuse(subject, "it grows while it is read; try again when it is written");
        ssize_t read_now = read(descriptor, bytes + used, capacity - used);
        if (read_now < 0 && errno == EINTR)
            continue;
        if (read_now < 0)
            return refuse_system(subject, "it can't be read", errno);
        if (read_now == 0)
            break;
        used += (size_t)read_now;
    }
    *length = used;
    return true;
}

/* The bytes of the file, to be freed, or NULL. O_NONBLOCK: opening a named pipe must not wait for a writer. */
static char *file_read(const struct subject *subject, size_t *length)
{
    struct stat status;
    char *bytes = NULL;
    int descriptor = open(subject->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) {
        refuse_open(subject, errno);
        return NULL;
    }
    if (fstat(descriptor, &status) != 0) {
        refuse_system(subject, "it can't be examined", errno);
        goto fail;
    }
    if (!kind_check(subject, &status))
        goto fail;
    size_t capacity = (size_t)status.st_size + 1; /* one more, to see the end */
    bytes = mem_alloc(capacity);
    if (bytes == NULL) {
        refuse(subject, "memory is out");
        goto fail;
    }
    if (!read_whole(subject, descriptor, bytes, capacity, length))
        goto fail;
    close(descriptor);
    return bytes;
fail:
    mem_free(bytes);
    close(descriptor);
    return NULL;
}

static bool bytes_check(const struct subject *subject, const char *bytes, size_t length, struct elf_facts *facts)
{
    char why[512];
    if (!elf_examine(bytes, length, facts, why, sizeof(why)))
        return refuse(subject, why);
    if (facts->unique_symbol == NULL)
        return true;
    snprintf(why, sizeof(why),
             "it has the unique symbol \"%.200s\", through which the next version would use this version's variable; "
             "compile it with -fno-gnu-unique (and -fvisibility=hidden)",
             facts->unique_symbol);
    return refuse(subject, why);
}

static bool refuse_folder(const struct subject *subject, const struct library_folder *folder, int reason)
{
    char what[4096 + 64];
    snprintf(what, sizeof(what), "its private copy can't be written in \"%s\"", library_folder_path(folder));
    return refuse_system(subject, what, reason);
}

static bool copy_write(const struct subject *subject, struct library_folder *folder, const char *bytes, size_t length,
                       char **path)
{
    int descriptor = library_folder_create(folder, subject->path, path);
    if (descriptor < 0)
        return refuse_folder(subject, folder, errno);
    bool is_written = library_folder_write(descriptor, bytes, length);
    int reason = errno;
    if (close(descriptor) != 0 && is_written) {
        is_written = false;
        reason = errno;
    }
    if (is_written && chmod(*path, 0500) == 0)
        return true;
    if (is_written)
        reason = errno;
    unlink(*path);
    mem_free(*path);
    *path = NULL;
    return refuse_folder(subject, folder, reason);
}

static bool copy_make(const struct subject *subject, struct library_folder *folder, struct library_copy *copy)
{
    struct elf_facts facts;
    size_t length = 0;
    char *written = NULL;
    char *bytes = file_read(subject, &length);
    if (bytes == NULL)
        return false;
    bool is_sound = bytes_check(subject, bytes, length, &facts);
    bool is_made = is_sound && copy_write(subject, folder, bytes, length, &written);
    copy->is_denied = is_sound && !is_made;
    if (is_made) {
        *copy = (struct library_copy){.path = written,
                                      .size = length,
                                      .is_nodelete = facts.is_nodelete,
                                      .is_sticky = facts.is_nodelete,
                                      .uses_origin = facts.uses_origin};
        memcpy(copy->build_id, facts.build_id, sizeof(copy->build_id));
        hash_content_text(bytes, length, copy->content);
    }
    mem_free(bytes);
    return is_made;
}

bool library_copy_make(struct library_folder *folder, const char *path, const char *place, struct library_copy *copy,
                       struct problems *problems)
{
    struct subject subject = {place, path, path, problems};
    return copy_make(&subject, folder, copy);
}

bool library_copy_again(struct library_folder *folder, const struct library_copy *kept, const char *path,
                        const char *place, struct library_copy *copy, struct problems *problems)
{
    struct subject subject = {place, path, kept->path, problems};
    return copy_make(&subject, folder, copy);
}

bool library_copy_keep(struct library_folder *folder, const struct library_copy *copy, struct library_copy *kept)
{
    static uint64_t last_number; /* controller's thread only */
    char name[64];
    snprintf(name, sizeof(name), "kept-%llu.so", (unsigned long long)++last_number);
    *kept = *copy;
    kept->is_borrowed = false;
    kept->path = library_folder_file(folder, name);
    errno = ENOMEM;
    if (kept->path != NULL && link(copy->path, kept->path) == 0)
        return true;
    int reason = errno;
    mem_free(kept->path);
    *kept = (struct library_copy){0};
    errno = reason;
    return false;
}

void library_copy_remove(struct library_copy *copy)
{
    if (copy->path != NULL && !copy->is_borrowed)
        unlink(copy->path);
    mem_free(copy->path);
    *copy = (struct library_copy){0};
}
