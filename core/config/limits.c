/* "limits". */
#include "config/reader.h"
#include "config/store.h"

#include <inttypes.h>

void store_limits(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_limits *limits = (struct config_limits *)(void *)((char *)target + key->offset);
    reader_read_object(reader, key->keys, node, limits);
    if (limits->keep_alive_min_seconds > limits->keep_alive_max_seconds)
        reader_error(reader, node,
                     "keep_alive_min_seconds (%" PRIu64 ") is above keep_alive_max_seconds (%" PRIu64 "); lower it",
                     limits->keep_alive_min_seconds, limits->keep_alive_max_seconds);
}
