/* The functions that rows of the schema name. Each gets a value of the row's kinds, within its bounds. Where a value
 * can't be used for another reason they report it and store nothing. */
#ifndef CONFIG_STORE_H
#define CONFIG_STORE_H

#include "config/schema.h"

/* Into the field at the row's offset. */
schema_store store_u16, store_u32, store_u64;
schema_store store_text;     /* a copy, char * */
schema_store store_choice;   /* the index among the choices, an enum */
schema_store store_settings; /* struct gmq_settings * */
schema_store store_object;   /* the keys into the struct there */

/* struct config_limits at the row's offset. */
schema_store store_limits;

/* Into struct config. */
schema_store store_workers, store_listeners, store_plugins, store_control_path;

/* Into struct config_listener and struct config_plugin. */
schema_store store_listener, store_bind, store_mode;
schema_store store_plugin, store_plugin_path, store_isolation;

/* Into struct config_route and struct config_entry. */
schema_store store_route;
schema_store store_entry, store_handler, store_topics, store_listener_set, store_versions, store_verdict;

#endif
