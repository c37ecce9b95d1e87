/* Topic names and topic filters (MQTT 5.0, 4.7 and 4.8). Pure. */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include "mqtt/error.h"

#include <graftmq/types.h>
#include <stdbool.h>
#include <stdint.h>

/* At least one character, no wildcard, no U+0000, at most 65,535 bytes. UTF-8 is checked elsewhere. */
bool topic_is_name(gmq_view topic);

/* The same and UTF-8 in one pass: MQTT_OK, MQTT_ERROR_UTF8 or MQTT_ERROR_TOPIC_NAME. */
enum mqtt_error topic_check_name(gmq_view topic);

/* Whether `filter` is one of a shared subscription: whether it begins with "$share/" (4.8.2). */
bool topic_is_shared(gmq_view filter);

/* Wildcards only where they may stand. A shared filter ($share/NAME/FILTER) is valid if its parts are. */
bool topic_is_filter(gmq_view filter);

/* Levels of a topic or filter: separators and one. */
uint32_t topic_depth(gmq_view topic);

/* Whether a (not shared) filter matches a topic name; a first-level wildcard doesn't match a topic that begins with
 * "$". */
bool topic_matches(gmq_view filter, gmq_view topic);

bool topic_has_wildcard(gmq_view filter);

/* If `filter` begins with "$share/", splits it into share name and filter; the filter must be valid. */
bool topic_split_shared(gmq_view filter, gmq_view *share_name, gmq_view *shared_filter);

/* Steps through levels: false at the end. Start with *position 0. "a//b" has the levels "a", "", "b". */
bool topic_next_level(gmq_view topic, size_t *position, gmq_view *level);

#endif
