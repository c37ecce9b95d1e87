/* From a file, or its text, to a validated struct config. */
#include "base/buffer.h"
#include "base/memory.h"
#include "config/json_text.h"
#include "config/reader.h"
#include "mqtt/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 16 << 20, FILE_CHUNK_SIZE = 64 << 10 };

/* What only the command line says. */
static void override_workers(struct reader *reader)
{
    uint32_t workers = reader->overrides.workers;
    if (workers > CONFIG_WORKERS_MAX)
        problems_add(reader->problems, "command line: %u workers are out of range; use 1 to %d", workers,
                     CONFIG_WORKERS_MAX);
    else if (workers > 0)
        reader->config->workers = workers;
}

static void override_control(struct reader *reader)
{
    if (reader->overrides.control_path == NULL)
        return;
    mem_free(reader->config->control_path);
    reader->config->control_path = reader_copy(reader, reader->overrides.control_path);
}

static bool has_standard_plugin(const struct config *config)
{
    for (size_t i = 0; i < config->plugin_count; i++) {
        if (config->plugins[i].name != NULL && strcmp(config->plugins[i].name, "broker") == 0)
            return true;
    }
    return false;
}

/* Packets without a route go to the plugin "broker"; without it their senders are in for a surprise. */
static void check_unrouted(struct reader *reader, const struct node *root)
{
    const struct config *config = reader->config;
    char types[200] = "";
    if (has_standard_plugin(config))
        return;
    for (unsigned type = 1; type < CONFIG_PACKET_TYPES; type++) {
        if (!packet_type_is_incoming((gmq_packet_type)type) || config->incoming[type].entries != NULL)
            continue;
        size_t length = strlen(types);
        snprintf(types + length, sizeof(types) - length, "%s%s", length > 0 ? ", " : "",
                 packet_type_name((gmq_packet_type)type));
    }
    if (types[0] == '\0')
        return;
    struct node routes = node_member(root, "routes", json_object_get(root->json, "routes"));
    reader_warn(reader, &routes,
                "no route for %s: clients that send them will be closed; route them or add a plugin \"broker\"", types);
}

static void read_tree(struct reader *reader, json_t *json)
{
    struct node root = {.json = json};
    size_t before = reader->problems->error_count;
    reader->config->file = reader_copy(reader, reader->file);
    reader_read(reader, &schema_root, &root, reader->config);
    override_workers(reader);
    override_control(reader);
    if (reader->problems->error_count == before)
        check_unrouted(reader, &root);
}

static void read_text(struct reader *reader)
{
    reader->config = reader_allocate(reader, 1, sizeof(*reader->config));
    if (reader->config == NULL)
        return;
    /* For what is in error: the search for other errors goes by these. */
    config_limits_default(&reader->config->limits);
    reader->config->workers = 1;
    json_t *json = json_text_parse(reader->text, reader->file, reader->problems);
    if (json == NULL) {
        config_free(reader->config);
        reader->config = NULL;
        return;
    }
    read_tree(reader, json);
    json_decref(json);
}

struct config *config_parse_partly(const char *text, size_t length, const char *file,
                                   const struct config_overrides *overrides, struct problems *problems)
{
    struct reader reader = {.text = gmq_view_make(text, length), .file = file, .problems = problems};
    size_t before = problems->error_count;
    reader.overrides = overrides != NULL ? *overrides : (struct config_overrides){.port = -1};
    json_memory_init();
    json_memory_clear();
    if (length > FILE_SIZE_MAX)
        problems_add(problems, "%s: is larger than %d bytes; is it the right file?", file, FILE_SIZE_MAX);
    else
        read_text(&reader);
    if (reader.is_out_of_memory || json_memory_is_out()) {
        problems_add(problems, "%s: memory is out; free some and try again", file);
        config_free(reader.config);
        return NULL;
    }
    if (reader.config != NULL)
        reader.config->has_errors = problems->error_count != before;
    return reader.config;
}

struct config *config_parse(const char *text, size_t length, const char *file, const struct config_overrides *overrides,
                            struct problems *problems)
{
    struct config *config = config_parse_partly(text, length, file, overrides, problems);
    if (config == NULL || !config->has_errors)
        return config;
    config_free(config);
    return NULL;
}

/* Reads until the end, or one byte more than a configuration may have. 0, or errno. */
static int read_all(int descriptor, struct buffer *text)
{
    while (text->length <= FILE_SIZE_MAX) {
        uint8_t *room = buffer_reserve(text, FILE_CHUNK_SIZE);
        if (room == NULL)
            return ENOMEM;
        ssize_t count = read(descriptor, room, FILE_CHUNK_SIZE);
        if (count == 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return errno;
        text->length += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

static int read_file(const char *file, struct buffer *text)
{
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    int error = read_all(descriptor, text);
    close(descriptor);
    return error;
}

struct config *config_load(const char *file, const struct config_overrides *overrides, struct problems *problems)
{
    struct config *config = NULL;
    struct buffer text;
    buffer_init(&text);
    int error = read_file(file, &text);
    if (error != 0)
        problems_add(problems, "%s: can't be read: %s; check the path and its permissions", file, strerror(error));
    else
        config = config_parse((const char *)text.bytes, text.length, file, overrides, problems);
    buffer_deinit(&text);
    return config;
}
