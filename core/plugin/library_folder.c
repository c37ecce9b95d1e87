/* The folder of private copies: where it is, whose it is, and how what dead processes left is found.
 *
 * A process holds a lock on the file "lock" in its folder for as long as it lives. A folder whose lock can be had
 * belongs to nobody: process numbers would be no proof, as they are used again and differ between containers that share
 * a /tmp. */
#include "plugin/library_folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_PREFIX "graftmq-"
#define LOCK_NAME "lock"

struct library_folder {
    char *path;
    int descriptor; /* of the folder */
    int lock;
};

/* Over the life of the process, whatever folders it opens: glibc compares names before anything else. */
static uint64_t last_number;

/* Deletes the files of a folder (it never has folders in it), not the folder. */
static void folder_empty(int descriptor)
{
    int listed = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = listed >= 0 ? fdopendir(listed) : NULL;
    if (list == NULL) {
        if (listed >= 0)
            close(listed);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(descriptor, entry->d_name, 0);
    }
    closedir(list);
}

/* Removes one folder of our user if no process holds its lock. */
static void folder_sweep(int parent, const char *name)
{
    struct stat status;
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return;
    int lock = -1;
    if (fstat(descriptor, &status) != 0 || status.st_uid != geteuid())
        goto done;
    lock = openat(descriptor, LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        goto done;
    folder_empty(descriptor);
    unlinkat(parent, name, AT_REMOVEDIR);
done:
    if (lock >= 0)
        close(lock);
    close(descriptor);
}

static void folders_sweep(const char *parent_path)
{
    DIR *list = opendir(parent_path);
    if (list == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, FOLDER_PREFIX, sizeof(FOLDER_PREFIX) - 1) == 0)
            folder_sweep(dirfd(list), entry->d_name);
    }
    closedir(list);
}

/* A file can be written here and mapped as code (often it can't below /run: mounted noexec). */
static bool folder_is_usable(const struct library_folder *folder)
{
    long page = sysconf(_SC_PAGESIZE);
    int descriptor = openat(folder->descriptor, "probe", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (descriptor < 0)
        return false;
    void *mapped = MAP_FAILED;
    if (page > 0 && ftruncate(descriptor, page) == 0 && library_folder_write(descriptor, "x", 1))
        mapped = mmap(NULL, (size_t)page, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);
    int reason = errno;
    if (mapped != MAP_FAILED)
        munmap(mapped, (size_t)page);
    close(descriptor);
    unlinkat(folder->descriptor, "probe", 0);
    errno = reason;
    return mapped != MAP_FAILED;
}

/* Another process that starts now may sweep the folder between its making and its locking: then it has no link left. */
static bool folder_lock(struct library_folder *folder)
{
    struct stat status;
    folder->lock = openat(folder->descriptor, LOCK_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (folder->lock < 0)
        return false;
    if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0 && fstat(folder->lock, &status) == 0 && status.st_nlink != 0)
        return true;
    errno = ENOENT;
    return false;
}

void library_folder_close(struct library_folder *folder)
{
    if (folder == NULL)
        return;
    if (folder->descriptor >= 0) {
        folder_empty(folder->descriptor);
        close(folder->descriptor);
        rmdir(folder->path);
    }
    if (folder->lock >= 0)
        close(folder->lock);
    mem_free(folder->path);
    mem_free(folder);
}

static struct library_folder *folder_make(const char *parent)
{
    struct library_folder *folder = mem_alloc_zero(1, sizeof(*folder));
    char path[4096];
    if (folder == NULL)
        return NULL;
    folder->descriptor = folder->lock = -1;
    int length = snprintf(path, sizeof(path), "%s/" FOLDER_PREFIX "%ld-XXXXXX", parent, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof(path))
        goto fail;
    folder->path = mem_copy_text(path, (size_t)length);
    if (folder->path == NULL || mkdtemp(folder->path) == NULL)
        goto fail;
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder->descriptor >= 0 && folder_lock(folder) && folder_is_usable(folder))
        return folder;
fail:;
    int reason = errno;
    library_folder_close(folder);
    errno = reason;
    return NULL;
}

/* $RUNTIME_DIRECTORY may be a list of paths joined by colons; the first counts. */
static bool parent_path(const char *variable, char *path, size_t size)
{
    const char *value = secure_getenv(variable);
    if (value == NULL || value[0] != '/')
        return false;
    size_t length = strcmp(variable, "RUNTIME_DIRECTORY") == 0 ? strcspn(value, ":") : strlen(value);
    if (length >= size)
        return false;
    memcpy(path, value, length);
    path[length] = '\0';
    return true;
}

struct library_folder *library_folder_open(struct problems *problems)
{
    static const char *const variables[] = {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR", NULL};
    char parent[3072];
    enum { ATTEMPTS = 8 };
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (variables[i] == NULL)
            strcpy(parent, "/tmp");
        else if (!parent_path(variables[i], parent, sizeof(parent)))
            continue;
        folders_sweep(parent);
        struct library_folder *folder = folder_make(parent);
        for (int attempt = 1; folder == NULL && errno == ENOENT && attempt < ATTEMPTS; attempt++)
            folder = folder_make(parent);
        if (folder != NULL)
            return folder;
    }
    problems_add(problems,
                 "no folder for private copies of plugins: neither $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, $TMPDIR nor "
                 "/tmp can be written and mapped as code (%s); set TMPDIR to a folder that is not mounted noexec",
                 strerror(errno));
    return NULL;
}

const char *library_folder_path(const struct library_folder *folder)
{
    return folder->path;
}

char *library_folder_file(const struct library_folder *folder, const char *name)
{
    size_t size = strlen(folder->path) + 1 + strlen(name) + 1;
    char *path = mem_alloc(size);
    if (path != NULL)
        snprintf(path, size, "%s/%s", folder->path, name);
    return path;
}

/* The original's name is in the copy's, for the people who read backtraces, profiles and maps. */
int library_folder_create(const struct library_folder *folder, const char *path_original, char **path)
{
    const char *slash = strrchr(path_original, '/');
    char name[128];
    snprintf(name, sizeof(name), "%06llu-%.100s", (unsigned long long)++last_number,
             slash != NULL ? slash + 1 : path_original);
    *path = library_folder_file(folder, name);
    if (*path == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int descriptor = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
    if (descriptor < 0) {
        int reason = errno;
        mem_free(*path);
        *path = NULL;
        errno = reason;
    }
    return descriptor;
}

bool library_folder_write(int descriptor, const void *bytes, size_t length)
{
    const char *next = bytes;
    while (length != 0) {
        ssize_t written = write(descriptor, next, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        next += written;
        length -= (size_t)written;
    }
    return true;
}
