/* Making and freeing the objects that plugins read. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/config.h"

#include <jansson.h>

/* Shares `json`, an object; NULL makes an empty one. NULL: memory is out. */
struct gmq_settings *settings_new(json_t *json);

#endif
