/* The files through which the preflight child gets the configuration's text, the copies' names and the stored bytes. */
#include "plugin/preflight_manifest.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "plugin/library_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_VERSION "graftmq preflight 2"

enum { MANIFEST_SIZE_MAX = 16 * 1024 * 1024 };

static void append_field(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text) + 1);
}

static void append_number(struct buffer *buffer, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    append_field(buffer, text);
}

/* A plugin that is kept has its copy from an earlier load. */
static const struct library_copy *copy_of(const struct generation_copies *copies, size_t index)
{
    const struct gmq_plugin *kept = copies->kept[index];
    return kept != NULL ? &kept->library->copy : &copies->copies[index];
}

static void manifest_encode(const struct preflight_task *task, const struct preflight_files *files,
                            struct buffer *buffer)
{
    static const struct config_overrides none = {.port = -1};
    const struct config_overrides *overrides = task->overrides != NULL ? task->overrides : &none;
    append_field(buffer, MANIFEST_VERSION);
    append_field(buffer, task->config->file);
    append_field(buffer, files->text);
    append_field(buffer, files->storage);
    append_number(buffer, (uint64_t)(overrides->port + INT64_C(1))); /* 0: none */
    append_number(buffer, overrides->workers);
    append_field(buffer, overrides->plugin_folder != NULL ? overrides->plugin_folder : "");
    append_number(buffer, task->copies->count);
    for (size_t i = 0; i < task->copies->count; i++) {
        const struct library_copy *copy = copy_of(task->copies, i);
        bool is_there = copy->path != NULL && !task->is_left_out[i];
        append_field(buffer, task->config->plugins[i].name);
        append_field(buffer, is_there ? task->config->plugins[i].path : "");
        append_field(buffer, is_there ? copy->path : "");
        append_field(buffer, copy->content);
        append_number(buffer, copy->size);
        append_number(buffer, copy->uses_origin);
    }
}

static bool file_write(const char *path, const void *bytes, size_t length)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return false;
    bool is_written = library_folder_write(descriptor, bytes, length);
    int reason = errno;
    close(descriptor);
    errno = reason;
    return is_written;
}

static bool manifest_write(const struct preflight_task *task, const struct preflight_files *files)
{
    struct buffer buffer;
    buffer_init(&buffer);
    manifest_encode(task, files, &buffer);
    errno = ENOMEM;
    bool is_written = !buffer.is_failed && file_write(files->manifest, buffer.bytes, buffer.length);
    int reason = errno;
    buffer_deinit(&buffer);
    errno = reason;
    return is_written;
}

static bool files_name(const struct library_folder *folder, struct preflight_files *files)
{
    static uint64_t last_number; /* controller's thread only */
    unsigned long long number = ++last_number;
    char names[3][64];
    snprintf(names[0], sizeof(names[0]), "preflight-%llu.manifest", number);
    snprintf(names[1], sizeof(names[1]), "preflight-%llu.json", number);
    snprintf(names[2], sizeof(names[2]), "preflight-%llu.bytes", number);
    files->manifest = library_folder_file(folder, names[0]);
    files->text = library_folder_file(folder, names[1]);
    files->storage = library_folder_file(folder, names[2]);
    errno = ENOMEM;
    return files->manifest != NULL && files->text != NULL && files->storage != NULL;
}

static bool storage_write(struct plugin_storage *storage, const char *path)
{
    return storage == NULL || plugin_storage_save(storage, path);
}

bool preflight_files_write(const struct preflight_task *task, struct preflight_files *files, struct problems *problems)
{
    *files = (struct preflight_files){0};
    if (files_name(task->loader->folder, files) && file_write(files->text, task->text, task->length) &&
        storage_write(task->loader->storage, files->storage) && manifest_write(task, files))
        return true;
    problems_add(problems, "%s: the preflight's files can't be written in \"%s\": %s", task->config->file,
                 library_folder_path(task->loader->folder), strerror(errno));
    return false;
}

static void file_remove(char *path)
{
    if (path != NULL)
        unlink(path);
    mem_free(path);
}

void preflight_files_remove(struct preflight_files *files)
{
    file_remove(files->manifest);
    file_remove(files->text);
    file_remove(files->storage);
    *files = (struct preflight_files){0};
}

static bool bytes_read(int descriptor, char *bytes, size_t capacity, size_t *length)
{
    size_t used = 0;
    ssize_t read_now;
    do {
        read_now = read(descriptor, bytes + used, capacity - used);
        used += read_now > 0 ? (size_t)read_now : 0;
    } while ((read_now > 0 && used < capacity) || (read_now < 0 && errno == EINTR));
    *length = used;
    return read_now >= 0;
}

/* The bytes of an open file, or NULL with the reason in errno. */
static char *descriptor_read(int descriptor, size_t limit, size_t *length)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return NULL;
    errno = S_ISDIR(status.st_mode) ? EISDIR : EFBIG;
    if (!S_ISREG(status.st_mode) || status.st_size < 0 || (uint64_t)status.st_size > limit) {
        errno = S_ISREG(status.st_mode) ? EFBIG : S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return NULL;
    }
    size_t capacity = (size_t)status.st_size;
    char *bytes = mem_alloc(capacity + 1);
    if (bytes == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (!bytes_read(descriptor, bytes, capacity, length)) {
        mem_free(bytes);
        return NULL;
    }
    bytes[*length] = '\0';
    return bytes;
}

char *preflight_file_read(const char *path, size_t limit, size_t *length, struct problems *problems)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char *bytes = descriptor >= 0 ? descriptor_read(descriptor, limit, length) : NULL;
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    if (bytes == NULL)
        problems_add(problems, "%s: cannot be read: %s", path,
                     reason == EFBIG    ? "it is too large"
                     : reason == EINVAL ? "it is no regular file"
                                        : strerror(reason));
    return bytes;
}

/* Steps through the texts. After the end every field is empty. */
struct fields {
    const char *next;
    const char *end;
    bool is_short;
};

static const char *field_text(struct fields *fields)
{
    const char *text = fields->next;
    const char *zero = text < fields->end ? memchr(text, '\0', (size_t)(fields->end - text)) : NULL;
    if (zero == NULL) {
        fields->is_short = true;
        return "";
    }
    fields->next = zero + 1;
    return text;
}

static uint64_t field_number(struct fields *fields)
{
    return strtoull(field_text(fields), NULL, 10);
}

/* The child takes the paths that the parent has found: the files may have gone meanwhile. */
static void file_decode(struct fields *fields, struct preflight_manifest *manifest)
{
    const char *name = field_text(fields), *path = field_text(fields);
    if (path[0] != '\0')
        manifest->files[manifest->file_count++] = (struct config_plugin_file){name, path};
}

static bool copy_decode(struct fields *fields, struct library_copy *copy)
{
    const char *path = field_text(fields);
    copy->is_borrowed = true;
    copy->path = path[0] != '\0' ? mem_copy_text(path, strlen(path)) : NULL;
    snprintf(copy->content, sizeof(copy->content), "%s", field_text(fields));
    copy->size = field_number(fields);
    copy->uses_origin = field_number(fields) != 0;
    return (copy->path != NULL || path[0] == '\0') && !fields->is_short;
}

static bool copies_decode(struct fields *fields, struct preflight_manifest *manifest)
{
    struct generation_copies *copies = &manifest->copies;
    size_t count = (size_t)field_number(fields);
    if (fields->is_short || count > CONFIG_PLUGINS_MAX)
        return false;
    copies->copies = mem_alloc_zero(count, sizeof(*copies->copies));
    copies->kept = mem_alloc_zero(count, sizeof(*copies->kept));
    manifest->files = mem_alloc_zero(count + 1, sizeof(*manifest->files));
    if (copies->copies == NULL || copies->kept == NULL || manifest->files == NULL)
        return false;
    copies->count = count;
    manifest->overrides.plugin_files = manifest->files;
    for (size_t i = 0; i < count; i++) {
        file_decode(fields, manifest);
        if (!copy_decode(fields, &copies->copies[i]))
            return false;
    }
    return true;
}

static bool manifest_decode(struct fields *fields, struct preflight_manifest *manifest)
{
    if (strcmp(field_text(fields), MANIFEST_VERSION) != 0)
        return false;
    manifest->file = field_text(fields);
    manifest->text = field_text(fields);
    manifest->storage = field_text(fields);
    manifest->overrides.port = (int32_t)field_number(fields) - 1;
    manifest->overrides.workers = (uint32_t)field_number(fields);
    manifest->overrides.plugin_folder = field_text(fields);
    if (manifest->overrides.plugin_folder[0] == '\0')
        manifest->overrides.plugin_folder = NULL;
    return copies_decode(fields, manifest);
}

bool preflight_manifest_read(const char *path, struct preflight_manifest *manifest, struct problems *problems)
{
    size_t length = 0;
    *manifest = (struct preflight_manifest){0};
    manifest->bytes = preflight_file_read(path, MANIFEST_SIZE_MAX, &length, problems);
    if (manifest->bytes == NULL)
        return false;
    struct fields fields = {.next = manifest->bytes, .end = manifest->bytes + length};
    if (manifest_decode(&fields, manifest))
        return true;
    problems_add(problems, "%s: is no manifest of this broker's preflight", path);
    return false;
}

void preflight_manifest_deinit(struct preflight_manifest *manifest)
{
    generation_copies_discard(&manifest->copies);
    mem_free(manifest->files);
    mem_free(manifest->bytes);
    *manifest = (struct preflight_manifest){0};
}
