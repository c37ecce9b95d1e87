#include "config/store.h"

#include "config/reader.h"
#include "config/settings.h"

#include <string.h>

static void *field_of(const struct schema_key *key, void *target)
{
    return (char *)target + key->offset;
}

void store_u16(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    *(uint16_t *)field_of(key, target) = (uint16_t)json_integer_value(node->json);
}

void store_u32(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    *(uint32_t *)field_of(key, target) = (uint32_t)json_integer_value(node->json);
}

void store_u64(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    *(uint64_t *)field_of(key, target) = (uint64_t)json_integer_value(node->json);
}

void store_text(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    *(char **)field_of(key, target) = reader_copy(reader, json_string_value(node->json));
}

_Static_assert(sizeof(enum log_format) == sizeof(unsigned) && sizeof(gmq_log_level) == sizeof(unsigned),
               "store_choice stores enums as unsigned");

void store_choice(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    unsigned index = 0;
    while (strcmp(key->choices[index], json_string_value(node->json)) != 0)
        index++;
    memcpy(field_of(key, target), &index, sizeof(index));
}

void store_settings(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct gmq_settings *settings = settings_new(node->json);
    *(struct gmq_settings **)field_of(key, target) = settings;
    if (settings == NULL)
        reader->is_out_of_memory = true;
}

void store_object(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    reader_read_object(reader, key->keys, node, field_of(key, target));
}
