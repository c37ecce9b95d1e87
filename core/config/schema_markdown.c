/* The schema's tables as the table of all keys in etc/README.md. */
#include "base/buffer.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/schema.h"

#include <inttypes.h>
#include <stdio.h>

enum { PATH_SIZE = 128 };

static void append_choices(struct buffer *out, const struct schema_key *key)
{
    for (const char *const *choice = key->choices; *choice != NULL; choice++)
        buffer_append_format(out, "%s`\"%s\"`", choice == key->choices ? "" : ", ", *choice);
}

static void append_kind(struct buffer *out, const struct schema_key *key, uint32_t kind)
{
    if (kind == KIND_NUMBER)
        buffer_append_format(out, "%" PRId64 " to %" PRId64, key->smallest, key->largest);
    else if (kind == KIND_TEXT && key->choices != NULL)
        append_choices(out, key);
    else if (kind == KIND_BOOLEAN)
        buffer_append_text(out, "true or false");
    else
        buffer_append_text(out, kind == KIND_TEXT ? "string" : kind == KIND_LIST ? "list" : "object");
}

static void append_kinds(struct buffer *out, const struct schema_key *key)
{
    const char *separator = "";
    for (uint32_t kind = KIND_NUMBER; kind <= KIND_BOOLEAN; kind <<= 1) {
        if ((key->kinds & kind) == 0)
            continue;
        buffer_append_text(out, separator);
        append_kind(out, key, kind);
        separator = " or ";
    }
}

static void append_row(struct buffer *out, const struct schema_key *key, const char *path)
{
    buffer_append_format(out, "| `%s` | ", path);
    append_kinds(out, key);
    if (key->is_required)
        buffer_append_text(out, " | *required*");
    else if (key->preset != NULL)
        buffer_append_format(out, " | `%s`", key->preset);
    else
        buffer_append_text(out, " | ");
    buffer_append_format(out, " | %s |\n", key->text);
}

static void append_keys(struct buffer *out, const struct schema_key *keys, const char *path, uint32_t context);

/* All packet types in one row, as they have the same shape; the entries are told where most can stand in them. */
static void append_packets(struct buffer *out, const char *section, uint32_t context)
{
    const char *separator = "";
    buffer_append_format(out, "| `%s.TYPE` | string or object or list |  | ", section);
    for (const struct schema_key *key = schema_packets; key->name != NULL; key++) {
        if ((key->needs & ~context) != 0)
            continue;
        buffer_append_format(out, "%s`%s`", separator, key->name);
        separator = ", ";
    }
    if ((context & IN_ROUTES) == 0) {
        buffer_append_text(out, ". Entries as in `routes`. |\n");
        return;
    }
    buffer_append_text(out, ". A list of entries, or one entry. An entry is `\"PLUGIN:HANDLER\"` or an object: |\n");
    append_keys(out, schema_entry.keys, "routes.TYPE[]", context | HAS_TOPICS);
}

/* What is below a key. The tables' depth bounds the recursion. */
static void append_below(struct buffer *out, const struct schema_key *key, const char *path, uint32_t context)
{
    char below[PATH_SIZE];
    bool is_list = (key->kinds & KIND_LIST) != 0;
    int length = snprintf(below, sizeof(below), "%s%s", path, is_list ? "[]" : ".NAME");
    if ((size_t)length >= sizeof(below))
        return; /* a table of ours would have to be that deep */
    if (key->keys == schema_packets)
        append_packets(out, path, context);
    else if (key->keys != NULL)
        append_keys(out, key->keys, path, context);
    else if (key->element != NULL && key->element != &schema_entry && key->element->keys != NULL)
        append_keys(out, key->element->keys, below, context);
}

static void append_keys(struct buffer *out, const struct schema_key *keys, const char *path, uint32_t context)
{
    for (const struct schema_key *key = keys; key->name != NULL; key++) {
        char own[PATH_SIZE];
        snprintf(own, sizeof(own), "%s%s%s", path, path[0] != '\0' ? "." : "", key->name);
        append_row(out, key, own);
        append_below(out, key, own, context | key->gives);
    }
}

char *config_schema_markdown(void)
{
    struct buffer text;
    buffer_init(&text);
    buffer_append_text(&text, "| key | value | default | meaning |\n|---|---|---|---|\n");
    append_keys(&text, schema_root.keys, "", 0);
    char *copy = text.is_failed ? NULL : mem_copy_text((const char *)text.bytes, text.length);
    buffer_deinit(&text);
    return copy;
}
