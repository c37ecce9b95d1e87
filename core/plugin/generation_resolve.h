/* Within a generation: from the configuration's entries to functions. */
#ifndef PLUGIN_GENERATION_RESOLVE_H
#define PLUGIN_GENERATION_RESOLVE_H

#include "plugin/generation.h"

/* Fills the three tables of routes from generation->config and generation->plugins (a NULL among them was reported
 * before, and is left out). False with a line in `problems` for each entry that is wrong. */
bool generation_resolve(struct generation *generation, struct problems *problems);

#endif
