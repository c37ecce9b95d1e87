/* What is a topic name, what is a topic filter, and which filter matches which name. */
#include "mqtt/topic.h"

#include "base/text.h"

enum { TOPIC_LENGTH_MAX = 65535 };

static const gmq_view share_prefix = {"$share/", 7};

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Not zero if some byte of `word` is zero. (Exact as a yes or no; which byte it is isn't asked.) */
static inline uint64_t word_has_zero(uint64_t word)
{
    return (word - EVERY_BYTE(1)) & ~word & EVERY_BYTE(0x80);
}

/* Not zero if some byte isn't ASCII, or may not stand in a topic name: U+0000 [MQTT-4.7.3-2], "+" and "#"
 * [MQTT-4.7.1-1]. */
static inline uint64_t word_is_special(uint64_t word)
{
    return (word & EVERY_BYTE(0x80)) | word_has_zero(word) | word_has_zero(word ^ EVERY_BYTE('+')) |
           word_has_zero(word ^ EVERY_BYTE('#'));
}

static inline bool byte_is_special(char byte)
{
    return (byte & 0x80) != 0 || byte == '\0' || byte == '+' || byte == '#';
}

/* Nearly every topic is plain ASCII: eight bytes a step tell so. */
static bool topic_is_plain(gmq_view topic)
{
    size_t i = 0;
    for (; topic.length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, topic.data + i, sizeof word);
        if (word_is_special(word) != 0)
            return false;
    }
    for (; i < topic.length; i++)
        if (byte_is_special(topic.data[i]))
            return false;
    return true;
}

static bool view_has(gmq_view view, char byte)
{
    return view.length > 0 && memchr(view.data, byte, view.length) != NULL;
}

static bool topic_fits(gmq_view topic)
{
    return topic.length > 0 && topic.length <= TOPIC_LENGTH_MAX;
}

bool topic_is_name(gmq_view topic)
{
    return topic_fits(topic) && (topic_is_plain(topic) || (!topic_has_wildcard(topic) && !view_has(topic, '\0')));
}

enum mqtt_error topic_check_name(gmq_view topic)
{
    if (topic_fits(topic) && topic_is_plain(topic))
        return MQTT_OK;
    if (!text_is_utf8(topic.data, topic.length))
        return MQTT_ERROR_UTF8;
    return topic_is_name(topic) ? MQTT_OK : MQTT_ERROR_TOPIC_NAME;
}

bool topic_has_wildcard(gmq_view filter)
{
    return view_has(filter, '+') || view_has(filter, '#');
}

bool topic_next_level(gmq_view topic, size_t *position, gmq_view *level)
{
    size_t begin = *position;
    if (begin > topic.length)
        return false;
    size_t rest = topic.length - begin;
    const char *start = rest > 0 ? topic.data + begin : "";
    const char *separator = rest > 0 ? memchr(start, '/', rest) : NULL;
    size_t length = separator != NULL ? (size_t)(separator - start) : rest;
    *level = gmq_view_make(start, length);
    *position = begin + length + 1;
    return true;
}

uint32_t topic_depth(gmq_view topic)
{
    uint32_t depth = 1;
    for (size_t i = 0; i < topic.length; i++)
        depth += topic.data[i] == '/';
    return depth;
}

/* "#" fills the last level [MQTT-4.7.1-1], "+" any one level, each alone [MQTT-4.7.1-2]. */
static bool levels_are_valid(gmq_view filter)
{
    size_t position = 0;
    gmq_view level;
    while (topic_next_level(filter, &position, &level)) {
        if (level.length > 1 && topic_has_wildcard(level))
            return false;
        bool is_last = position > filter.length;
        if (!is_last && gmq_view_equals(level, "#"))
            return false;
    }
    return true;
}

bool topic_is_shared(gmq_view filter)
{
    return filter.length >= share_prefix.length && memcmp(filter.data, share_prefix.data, share_prefix.length) == 0;
}

bool topic_split_shared(gmq_view filter, gmq_view *share_name, gmq_view *shared_filter)
{
    if (!topic_is_shared(filter))
        return false;
    size_t position = share_prefix.length;
    gmq_view name;
    if (!topic_next_level(filter, &position, &name) || position > filter.length)
        return false;
    *share_name = name;
    *shared_filter = gmq_view_make(filter.data + position, filter.length - position);
    return true;
}

bool topic_is_filter(gmq_view filter)
{
    if (!topic_fits(filter) || view_has(filter, '\0'))
        return false;
    if (!topic_is_shared(filter))
        return levels_are_valid(filter);
    /* A share name of at least one character without "/", "+" and "#", then "/" and a filter [MQTT-4.8.2-1, 4.8.2-2].
     */
    gmq_view name;
    gmq_view rest;
    return topic_split_shared(filter, &name, &rest) && name.length > 0 && !topic_has_wildcard(name) &&
           rest.length > 0 && levels_are_valid(rest);
}

bool topic_matches(gmq_view filter, gmq_view topic)
{
    if (filter.length == 0 || topic.length == 0)
        return false;
    bool begins_with_wildcard = filter.data[0] == '#' || filter.data[0] == '+';
    if (begins_with_wildcard && topic.data[0] == '$') /* [MQTT-4.7.2-1] */
        return false;
    size_t filter_position = 0;
    size_t topic_position = 0;
    gmq_view wanted;
    gmq_view level;
    while (topic_next_level(filter, &filter_position, &wanted)) {
        if (gmq_view_equals(wanted, "#")) /* the parent level, too: "sport/#" matches "sport" (4.7.1.2) */
            return true;
        if (!topic_next_level(topic, &topic_position, &level))
            return false;
        if (!gmq_view_equals(wanted, "+") && !gmq_view_same(wanted, level))
            return false;
    }
    return topic_position > topic.length;
}
