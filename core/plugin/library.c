/* Maps private copies and lets them go again: the only file that calls dlopen. */
#include "plugin/library.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread_census.h"
#include "plugin/elf.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct library_retired retired;

struct library_retired library_retired_total(void)
{
    return retired;
}

/* The loader's text with every mention of the copy replaced by the original: a person knows only that one. */
static void message_translate(const char *message, const struct library_copy *copy, const char *path_original,
                              struct buffer *text)
{
    const char *found;
    while ((found = strstr(message, copy->path)) != NULL) {
        buffer_append(text, message, (size_t)(found - message));
        buffer_append_text(text, path_original);
        message = found + strlen(copy->path);
    }
    buffer_append(text, message, strlen(message) + 1);
}

static void report_loader(const struct library_copy *copy, const char *path_original, const char *place,
                          struct problems *problems)
{
    const char *message = dlerror();
    struct buffer text;
    buffer_init(&text);
    message_translate(message != NULL ? message : "no reason given", copy, path_original, &text);
    problems_add(problems, "%s: cannot load \"%s\": %s%s", place, path_original,
                 text.is_failed ? "memory is out" : (const char *)text.bytes,
                 copy->uses_origin ? " (it is loaded from a private copy, so $ORIGIN in its run path is not its own "
                                     "folder; use an absolute run path)"
                                   : "");
    buffer_deinit(&text);
}

/* Threads that the broker did not start and that are no reason to keep a library: what ran before the first one was
 * opened (a sanitizer's), what load functions of libraries that are still open have started, and what kept a library
 * before. */
static int explained_threads;
static bool has_opened;

/* Threads that have ended meanwhile must not excuse others. */
static int explained_threads_now(void)
{
    int foreign = thread_census_foreign();
    if (foreign < explained_threads)
        explained_threads = foreign;
    return foreign;
}

int library_load_begin(void)
{
    return explained_threads_now();
}

void library_load_end(struct library *library, int begin)
{
    int started = thread_census_foreign() - begin;
    library->threads = started > 0 ? started : 0;
    explained_threads += library->threads;
}

struct library *library_open(struct library_copy *copy, const char *path_original, const char *place,
                             struct problems *problems)
{
    struct library *library = mem_alloc_zero(1, sizeof(*library));
    char *path = mem_copy_text(path_original, strlen(path_original));
    if (library == NULL || path == NULL) {
        problems_add(problems, "%s: cannot load \"%s\": memory is out", place, path_original);
        goto fail;
    }
    if (!has_opened)
        explained_threads = thread_census_foreign();
    has_opened = true;
    library->handle = dlopen(copy->path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        report_loader(copy, path_original, place, problems);
        goto fail;
    }
    library->path_original = path;
    library->copy = *copy;
    *copy = (struct library_copy){0};
    return library;
fail:
    mem_free(path);
    mem_free(library);
    library_copy_remove(copy);
    return NULL;
}

struct library *library_hold(struct library_copy *copy, const char *path_original)
{
    struct library *library = mem_alloc_zero(1, sizeof(*library));
    char *path = mem_copy_text(path_original, strlen(path_original));
    if (library == NULL || path == NULL) {
        mem_free(path);
        mem_free(library);
        library_copy_remove(copy);
        return NULL;
    }
    library->path_original = path;
    library->copy = *copy;
    library->copy.is_sticky = false; /* not here */
    *copy = (struct library_copy){0};
    return library;
}

bool library_is_mapped(const struct library *library)
{
    return library->handle != NULL;
}

/* dlsym also looks into the dependencies, which may be plugins themselves. */
const void *library_symbol(const struct library *library, const char *name)
{
    Dl_info found;
    const void *address = library->handle != NULL ? dlsym(library->handle, name) : NULL;
    if (address == NULL || dladdr(address, &found) == 0 || found.dli_fname == NULL)
        return NULL;
    return strcmp(found.dli_fname, library->copy.path) == 0 ? address : NULL;
}

bool library_is_address(const void *address)
{
    Dl_info found;
    return address != NULL && dladdr(address, &found) != 0;
}

struct prefix_visit {
    const char *prefix;
    bool (*visit)(const char *name, void *data);
    void *data;
};

static bool visit_prefixed(const char *name, void *data)
{
    const struct prefix_visit *visit = data;
    if (strncmp(name, visit->prefix, strlen(visit->prefix)) != 0)
        return true;
    return visit->visit(name, visit->data);
}

static bool read_exactly(int descriptor, char *bytes, size_t length)
{
    while (length != 0) {
        ssize_t read_now = read(descriptor, bytes, length);
        if (read_now <= 0)
            return false;
        bytes += read_now;
        length -= (size_t)read_now;
    }
    return true;
}

void library_each_symbol(const struct library *library, const char *prefix, bool (*visit)(const char *name, void *data),
                         void *data)
{
    struct prefix_visit prefixed = {prefix, visit, data};
    struct stat status;
    int descriptor = open(library->copy.path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    if (fstat(descriptor, &status) == 0 && status.st_size > 0 && status.st_size <= LIBRARY_SIZE_MAX) {
        size_t size = (size_t)status.st_size;
        char *bytes = mem_alloc(size);
        if (bytes != NULL && read_exactly(descriptor, bytes, size))
            elf_each_symbol(bytes, size, visit_prefixed, &prefixed);
        mem_free(bytes);
    }
    close(descriptor);
}

static int is_object_of_path(struct dl_phdr_info *info, size_t size, void *path)
{
    (void)size;
    return info->dlpi_name != NULL && strcmp(info->dlpi_name, path) == 0;
}

/* The bytes that /proc/self/maps shows for the file. The loader's list is looked at first; this is the second look,
 * which also sees mappings that the loader forgot. The path is private, so it is the end of a line or in none. */
static size_t mapped_bytes(const char *path)
{
    char line[8192];
    size_t total = 0, path_length = strlen(path);
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        return 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long start, end;
        line[strcspn(line, "\n")] = '\0';
        const char *found = strstr(line, path);
        if (found != NULL && found[path_length] == '\0' && sscanf(line, "%llx-%llx", &start, &end) == 2)
            total += (size_t)(end - start);
    }
    fclose(maps);
    return total;
}

static void retire(const struct library *library, size_t bytes, const char *why)
{
    retired.count++;
    retired.bytes += bytes;
    log_write(GMQ_LOG_WARNING, "loader",
              "\"%s\" stays mapped after it was closed (%s): retired, it keeps %zu KiB; %zu retired in all",
              library->path_original, why, (bytes + 1023) / 1024, retired.count);
}

static void library_free(struct library *library)
{
    mem_free(library->path_original);
    mem_free(library);
}

/* The copy's file stays, the library is forgotten. */
static bool library_keep(struct library *library, size_t bytes, const char *why)
{
    retire(library, bytes, why);
    mem_free(library->copy.path);
    library_free(library);
    return false;
}

bool library_close(struct library *library)
{
    const char *path = library->copy.path;
    if (library->handle == NULL) {
        library_copy_remove(&library->copy);
        library_free(library);
        return true;
    }
    /* A thread that nobody knows may run this code: safety can't be shown. It is nobody else's fault afterwards. */
    explained_threads -= library->threads < explained_threads ? library->threads : explained_threads;
    (void)explained_threads_now();
    int surplus = thread_census_foreign_settled(explained_threads) - explained_threads;
    explained_threads += surplus > 0 ? surplus : 0;
    if (surplus > 0)
        return library_keep(library, mapped_bytes(path),
                            "a thread that the broker did not start is still there; a plugin ends its threads in its "
                            "unload function");
    dlclose(library->handle);
    bool is_listed = dl_iterate_phdr(is_object_of_path, library->copy.path) != 0;
    size_t bytes = mapped_bytes(path);
    if (is_listed || bytes != 0)
        return library_keep(library, bytes,
                            library->copy.is_nodelete
                                ? "it is linked with -z nodelete"
                                : "a thread-local destructor, an exit handler or another library holds it");
    library_copy_remove(&library->copy);
    library_free(library);
    return true;
}
