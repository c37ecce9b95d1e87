/* "plugins". */
#include "base/buffer.h"
#include "base/memory.h"
#include "config/reader.h"
#include "config/settings.h"
#include "config/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* NULL if there is a plugin file at `path`, or else why not. */
static const char *file_problem(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return strerror(errno);
    if (S_ISDIR(status.st_mode))
        return "is a folder";
    return S_ISREG(status.st_mode) ? NULL : "is no regular file";
}

/* `path` in the folder of the configuration file. */
static char *path_beside(struct reader *reader, const char *path)
{
    const char *slash = strrchr(reader->file, '/');
    int length = slash != NULL ? (int)(slash - reader->file) : 1;
    struct buffer joined;
    buffer_init(&joined);
    buffer_append_format(&joined, "%.*s/%s", length, slash != NULL ? reader->file : ".", path);
    char *text = joined.is_failed ? NULL : mem_copy_text((const char *)joined.bytes, joined.length);
    buffer_deinit(&joined);
    reader->is_out_of_memory |= text == NULL;
    return text;
}

/* `path` in the plugin folder of the installation; NULL also if there is none. */
static char *path_installed(struct reader *reader, const char *path)
{
    if (reader->overrides.plugin_folder == NULL)
        return NULL;
    struct buffer joined;
    buffer_init(&joined);
    buffer_append_format(&joined, "%s/%s", reader->overrides.plugin_folder, path);
    char *text = joined.is_failed ? NULL : mem_copy_text((const char *)joined.bytes, joined.length);
    buffer_deinit(&joined);
    reader->is_out_of_memory |= text == NULL;
    return text;
}

static void tell_missing(struct reader *reader, const struct node *node, char *const tried[2], const char *const why[2])
{
    if (tried[1] == NULL)
        reader_error(reader, node, "no plugin file \"%s\" (%s); correct the path or put the file there", tried[0],
                     why[0]);
    else
        reader_error(reader, node, "no plugin file \"%s\" (%s) nor \"%s\" (%s); correct the path or put the file there",
                     tried[0], why[0], tried[1], why[1]);
}

/* The first of the tried paths that is a plugin file; the other is freed. */
static char *choose_path(struct reader *reader, const struct node *node, char *tried[2])
{
    const char *why[2] = {NULL, NULL};
    for (int i = 0; i < 2 && tried[i] != NULL; i++) {
        why[i] = file_problem(tried[i]);
        if (why[i] == NULL) {
            mem_free(tried[1 - i]);
            return tried[i];
        }
    }
    if (tried[0] != NULL && !reader->is_out_of_memory)
        tell_missing(reader, node, tried, why);
    mem_free(tried[0]);
    mem_free(tried[1]);
    return NULL;
}

static const char *path_known(const struct reader *reader, const char *name)
{
    const struct config_plugin_file *file = reader->overrides.plugin_files;
    for (; file != NULL && name != NULL && file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0)
            return file->path;
    }
    return NULL;
}

void store_plugin_path(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)key;
    struct config_plugin *plugin = target;
    const char *path = json_string_value(node->json), *known = path_known(reader, plugin->name);
    if (known != NULL) {
        plugin->path_written = reader_copy(reader, path);
        plugin->path = reader_copy(reader, known);
        return;
    }
    bool is_absolute = path[0] == '/';
    char *tried[2] = {NULL, NULL};
    plugin->path_written = reader_copy(reader, path);
    tried[0] = is_absolute ? reader_copy(reader, path) : path_beside(reader, path);
    tried[1] = is_absolute ? NULL : path_installed(reader, path);
    plugin->path = choose_path(reader, node, tried);
}

/* An object that says how; `true` stands for one with the defaults. */
void store_isolation(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct node object = *node;
    json_t *empty = NULL;
    if (json_is_false(node->json))
        return;
    if (json_is_true(node->json))
        object.json = empty = json_object();
    if (object.json != NULL)
        reader_read_object(reader, key->keys, &object, (char *)target + key->offset);
    else
        reader->is_out_of_memory = true;
    json_decref(empty);
}

void store_plugin(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    reader_read_object(reader, key->keys, node, target);
}

static void read_plugin(struct reader *reader, const struct schema_key *key, const struct node *node)
{
    struct config *config = reader->config;
    struct config_plugin *plugin = &config->plugins[config->plugin_count];
    size_t before = reader->problems->error_count;
    /* The name counts even if something else is wrong, so that routes which use it aren't told to be wrong as well. */
    plugin->name = reader_copy(reader, node->key);
    plugin->place = reader_place(reader, node);
    config->plugin_count++;
    if (!key->names->matches(node->key))
        reader_error_at_key(reader, node, "the name \"%s\" can't be used; write %s", shown_of(node->key).text,
                            key->names->expected);
    reader_read(reader, key->element, node, plugin);
    plugin->is_sound = reader->problems->error_count == before;
    if (plugin->settings != NULL)
        return;
    plugin->settings = settings_new(NULL);
    reader->is_out_of_memory |= plugin->settings == NULL;
}

void store_plugins(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config *config = target;
    const char *name;
    json_t *value;
    config->plugins = reader_allocate(reader, json_object_size(node->json), sizeof(*config->plugins));
    if (config->plugins == NULL)
        return;
    json_object_foreach(node->json, name, value)
    {
        struct node member = node_member(node, name, value);
        if (strcmp(name, SCHEMA_COMMENT) != 0)
            read_plugin(reader, key, &member);
    }
}
