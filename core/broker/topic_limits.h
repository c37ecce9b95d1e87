/* The configured bounds of topic names and filters. */
#ifndef BROKER_TOPIC_LIMITS_H
#define BROKER_TOPIC_LIMITS_H

#include "config/config.h"
#include "mqtt/topic.h"

/* Levels are only counted where the length doesn't already say that there can't be more. */
static inline bool topic_is_within_limits(const struct config_limits *limits, gmq_view topic)
{
    if (topic.length > limits->topic_length_bytes)
        return false;
    return topic.length < limits->topic_levels || topic_depth(topic) <= limits->topic_levels;
}

#endif
