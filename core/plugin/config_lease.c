/* Who holds a configuration; and how a place in it is written. */
#include "plugin/config_lease.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>

struct config_lease *config_lease_new(struct config *config)
{
    struct config_lease *lease = mem_alloc(sizeof(*lease));
    if (lease != NULL)
        *lease = (struct config_lease){config, 1};
    return lease;
}

struct config_lease *config_lease_ref(struct config_lease *lease)
{
    lease->holders++;
    return lease;
}

void config_lease_unref(struct config_lease *lease)
{
    if (lease == NULL || --lease->holders != 0)
        return;
    config_free(lease->config);
    mem_free(lease);
}

void config_lease_disband(struct config_lease *lease)
{
    assert(lease == NULL || lease->holders == 1);
    mem_free(lease);
}

const char *config_place_text(const struct config *config, const struct config_place *place, char *text, size_t size)
{
    snprintf(text, size, "%s:%u:%u: %s", config->file != NULL ? config->file : "?", place->line, place->column,
             place->path != NULL ? place->path : "?");
    return text;
}
