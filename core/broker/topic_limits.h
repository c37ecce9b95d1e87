/* The configured bounds of topic names and filters. */
#ifndef BROKER_TOPIC_LIMITS_H
#define BROKER_TOPIC_LIMITS_H

#include "config/config.h"
#include "mqtt/topic.h"

/* The limit that a topic passes, as the configuration calls it; NULL: none. Levels are only counted where the length
 * doesn't already say that there can't be more. */
static inline const char *topic_limit_passed(const struct config_limits *limits, gmq_view topic)
{
    if (topic.length > limits->topic_length_bytes)
        return "limits.topic_length_bytes";
    bool is_deep = topic.length >= limits->topic_levels && topic_depth(topic) > limits->topic_levels;
    return is_deep ? "limits.topic_levels" : NULL;
}

#endif
