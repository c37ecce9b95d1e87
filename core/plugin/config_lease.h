/* A configuration that several hold: the generation that was made from it, and every plugin that was given settings or
 * arguments out of it and is kept by later generations. The last one frees it. Controller's thread only. */
#ifndef PLUGIN_CONFIG_LEASE_H
#define PLUGIN_CONFIG_LEASE_H

#include "config/config.h"

struct config_lease {
    struct config *config;
    uint32_t holders;
};

/* Takes the configuration over, held once. NULL: memory is out, and it is the caller's still. */
struct config_lease *config_lease_new(struct config *config);
struct config_lease *config_lease_ref(struct config_lease *lease);
void config_lease_unref(struct config_lease *lease); /* NULL is allowed */

/* Gives the configuration back to whoever had it before: the only holder's alternative to config_lease_unref. */
void config_lease_disband(struct config_lease *lease); /* NULL is allowed */

/* "FILE:LINE:COLUMN: PATH", for messages. Returns `text`. */
const char *config_place_text(const struct config *config, const struct config_place *place, char *text, size_t size);

enum { CONFIG_PLACE_TEXT_SIZE = 4608 };

#endif
