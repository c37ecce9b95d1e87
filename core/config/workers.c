/* "workers", and "control": what a restart is needed for. */
#include "config/reader.h"
#include "config/store.h"

#include <sched.h>

/* The processors that this process may run on, which in a container are fewer than there are. */
static uint32_t usable_processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    if (count < 1)
        return 1;
    return count > CONFIG_WORKERS_MAX ? (uint32_t)CONFIG_WORKERS_MAX : (uint32_t)count;
}

void store_workers(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)key;
    struct config *config = target;
    config->workers_place = reader_place(reader, node);
    config->workers = json_is_string(node->json) ? usable_processors() : (uint32_t)json_integer_value(node->json);
}

void store_control_path(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)key;
    struct config *config = target;
    config->control_place = reader_place(reader, node);
    config->control_path = reader_copy(reader, json_string_value(node->json));
}
