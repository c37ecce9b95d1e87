/* Any texts as topic names and filters: what is valid, what matches what, and what the trees find, each against a way
 * to the same answer that is too simple to be wrong.
 *
 * The first byte chooses how long the last text is made (the limit of 65,535 bytes is too far for a mutation); the rest
 * are texts, one a line. */
#include "mqtt/topic.h"
#include "base/text.h"
#include "broker/topic_node.h"
#include "broker/topic_tree.h"
#include "shard/demand.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

enum { TEXTS_MAX = 24, TEXTS_BESIDE_LONGEST = 2, LENGTH_MAX = 65535, LONGEST = LENGTH_MAX + 1 };

/* The first byte: makes the last text as long as may be, or a byte longer. Slower, so few values say so. */
enum { MAKE_LONGEST = 254 };

struct text {
    gmq_view view;
    bool is_name;
    bool is_filter; /* not a shared one: these are what matches */
    int visits;
};

static struct text texts[TEXTS_MAX];
static size_t text_count;

/* ---- what is valid: character by character, as the standard says it ---- */

static size_t character_encode(uint32_t character, uint8_t *bytes)
{
    if (character < 0x80) {
        bytes[0] = (uint8_t)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, character >>= 6)
        bytes[i] = (uint8_t)(0x80 | (character & 0x3F));
    bytes[0] = (uint8_t)((0xF00 >> size) | character);
    return size;
}

/* A character is well-formed if it is what encoding it gives. */
static bool plain_is_utf8(gmq_view text)
{
    for (size_t i = 0; i < text.length;) {
        uint8_t first = (uint8_t)text.data[i];
        size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        if (size > text.length - i)
            return false;
        uint32_t character = size == 1 ? first : first & (0x7FU >> size);
        for (size_t k = 1; k < size; k++)
            character = character << 6 | ((uint8_t)text.data[i + k] & 0x3F);
        bool is_allowed = character != 0 && character <= 0x10FFFF && (character < 0xD800 || character > 0xDFFF);
        uint8_t again[4];
        if (!is_allowed || character_encode(character, again) != size || memcmp(again, text.data + i, size) != 0)
            return false;
        i += size;
    }
    return true;
}

static bool plain_has(gmq_view text, char byte)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] == byte)
            return true;
    return false;
}

static bool plain_is_name(gmq_view text)
{
    return text.length > 0 && text.length <= LENGTH_MAX && !plain_has(text, '+') && !plain_has(text, '#') &&
           !plain_has(text, '\0');
}

static bool plain_wildcards_stand_well(gmq_view text)
{
    for (size_t i = 0; i < text.length; i++) {
        bool begins = i == 0 || text.data[i - 1] == '/';
        bool is_last = i + 1 == text.length;
        if (text.data[i] == '#' && !(begins && is_last))
            return false;
        if (text.data[i] == '+' && !(begins && (is_last || text.data[i + 1] == '/')))
            return false;
    }
    return true;
}

static bool plain_is_shared(gmq_view text)
{
    return text.length >= 7 && memcmp(text.data, "$share/", 7) == 0;
}

/* Of "$share/NAME/FILTER": the name and the filter; false if there is no second "/". */
static bool plain_split(gmq_view text, gmq_view *name, gmq_view *filter)
{
    for (size_t i = 7; i < text.length; i++) {
        if (text.data[i] == '/') {
            *name = gmq_view_make(text.data + 7, i - 7);
            *filter = gmq_view_make(text.data + i + 1, text.length - i - 1);
            return true;
        }
    }
    return false;
}

static bool plain_is_filter(gmq_view text)
{
    if (text.length == 0 || text.length > LENGTH_MAX || plain_has(text, '\0'))
        return false;
    if (!plain_is_shared(text))
        return plain_wildcards_stand_well(text);
    gmq_view name, filter;
    return plain_split(text, &name, &filter) && name.length > 0 && !plain_has(name, '+') && !plain_has(name, '#') &&
           filter.length > 0 && plain_wildcards_stand_well(filter);
}

/* ---- what matches what: level by level ---- */

struct levels {
    gmq_view at[LONGEST + 1];
    size_t count;
};

static void levels_of(gmq_view text, struct levels *levels)
{
    size_t begin = 0;
    levels->count = 0;
    for (size_t i = 0; i <= text.length; i++) {
        if (i == text.length || text.data[i] == '/') {
            levels->at[levels->count++] = gmq_view_make(text.data + begin, i - begin);
            begin = i + 1;
        }
    }
}

static bool plain_matches(const struct levels *filter, const struct levels *topic)
{
    gmq_view first = filter->at[0];
    bool begins_with_wildcard = gmq_view_equals(first, "+") || gmq_view_equals(first, "#");
    if (begins_with_wildcard && topic->at[0].length > 0 && topic->at[0].data[0] == '$')
        return false;
    bool takes_rest = gmq_view_equals(filter->at[filter->count - 1], "#");
    size_t fixed = takes_rest ? filter->count - 1 : filter->count;
    if (takes_rest ? topic->count < fixed : topic->count != fixed)
        return false;
    for (size_t i = 0; i < fixed; i++)
        if (!gmq_view_equals(filter->at[i], "+") && !gmq_view_same(filter->at[i], topic->at[i]))
            return false;
    return true;
}

static bool text_matches(const struct text *filter, const struct text *name)
{
    static struct levels filter_levels, name_levels;
    levels_of(filter->view, &filter_levels);
    levels_of(name->view, &name_levels);
    return plain_matches(&filter_levels, &name_levels);
}

/* ---- one text ---- */

static void check_levels(gmq_view text)
{
    static struct levels levels;
    levels_of(text, &levels);
    demand(topic_depth(text) == levels.count, "wrong depth");
    size_t position = 0;
    gmq_view level;
    for (size_t i = 0; i < levels.count; i++)
        demand(topic_next_level(text, &position, &level) && gmq_view_same(level, levels.at[i]), "wrong level %zu", i);
    demand(!topic_next_level(text, &position, &level), "a level too many");
}

static void check_shared(gmq_view text)
{
    gmq_view name, filter, plain_name, plain_filter;
    demand(topic_is_shared(text) == plain_is_shared(text), "shared or not");
    bool splits = plain_is_shared(text) && plain_split(text, &plain_name, &plain_filter);
    demand(topic_split_shared(text, &name, &filter) == splits, "splits or not");
    demand(!splits || (gmq_view_same(name, plain_name) && gmq_view_same(filter, plain_filter)), "split elsewhere");
}

static void check_text(struct text *text)
{
    gmq_view view = text->view;
    bool is_utf8 = plain_is_utf8(view);
    text->is_name = plain_is_name(view);
    text->is_filter = plain_is_filter(view) && !plain_is_shared(view);
    demand(text_is_utf8(view.data, view.length) == is_utf8, "UTF-8 or not");
    demand(topic_is_name(view) == text->is_name, "a name or not");
    enum mqtt_error error = !is_utf8 ? MQTT_ERROR_UTF8 : text->is_name ? MQTT_OK : MQTT_ERROR_TOPIC_NAME;
    demand(topic_check_name(view) == error, "not the error of this name");
    demand(topic_is_filter(view) == plain_is_filter(view), "a filter or not");
    demand(topic_has_wildcard(view) == (plain_has(view, '+') || plain_has(view, '#')), "has a wildcard or not");
    check_shared(view);
    check_levels(view);
}

/* ---- all texts in a tree, as the subscription index and the retained messages keep them ---- */

struct forest {
    struct grace *grace;
    struct grace_reader *reader;
    struct topic_tree filters;
    struct topic_tree names;
    struct topic_walk walk;
};

static void count_visit(struct topic_node *node, void *data)
{
    (void)data;
    ((struct text *)topic_node_value(node))->visits++;
}

static void tree_add(struct forest *forest, struct topic_tree *tree, struct text *text)
{
    struct topic_node *node = topic_tree_add(tree, text->view, forest->reader);
    demand(node != NULL, "no room");
    topic_node_set_value(node, text);
}

static void tree_remove(struct forest *forest, struct topic_tree *tree, const struct text *text)
{
    struct topic_node *node = topic_tree_find(tree, text->view);
    if (node == NULL || topic_node_value(node) != text)
        return;
    topic_node_set_value(node, NULL);
    topic_tree_prune(tree, node, forest->reader);
}

/* The same text may come twice; the one that came last is in the tree. */
static bool is_in(const struct topic_tree *tree, const struct text *text)
{
    const struct topic_node *node = topic_tree_find(tree, text->view);
    return node != NULL && topic_node_value(node) == text;
}

static void forest_ask(struct forest *forest, const struct text *asked)
{
    for (size_t i = 0; i < text_count; i++)
        texts[i].visits = 0;
    if (asked->is_name) {
        demand(topic_tree_match_topic(&forest->filters, asked->view, &forest->walk, count_visit, NULL), "no room");
        for (size_t i = 0; i < text_count; i++) {
            bool is_wanted = texts[i].is_filter && is_in(&forest->filters, &texts[i]) && text_matches(&texts[i], asked);
            demand(texts[i].visits == is_wanted, "filter %zu: %d visits", i, texts[i].visits);
            texts[i].visits = 0;
        }
    }
    if (asked->is_filter) {
        demand(topic_tree_match_filter(&forest->names, asked->view, &forest->walk, count_visit, NULL), "no room");
        for (size_t i = 0; i < text_count; i++) {
            bool is_wanted = texts[i].is_name && is_in(&forest->names, &texts[i]) && text_matches(asked, &texts[i]);
            demand(texts[i].visits == is_wanted, "name %zu: %d visits", i, texts[i].visits);
        }
    }
}

static void forest_ask_all(struct forest *forest)
{
    for (size_t i = 0; i < text_count; i++)
        forest_ask(forest, &texts[i]);
}

/* Every `step`-th goes. */
static void forest_thin(struct forest *forest, size_t step)
{
    for (size_t i = 0; i < text_count; i += step) {
        tree_remove(forest, &forest->filters, &texts[i]);
        tree_remove(forest, &forest->names, &texts[i]);
    }
    grace_quiescent(forest->reader);
    (void)grace_collect(forest->reader, grace_horizon(forest->reader));
}

static void check_trees(void)
{
    struct forest forest = {.grace = grace_new()};
    forest.reader = grace_join(forest.grace);
    demand(topic_tree_init(&forest.filters) && topic_tree_init(&forest.names), "no room");
    for (size_t i = 0; i < text_count; i++) {
        if (texts[i].is_filter)
            tree_add(&forest, &forest.filters, &texts[i]);
        if (texts[i].is_name)
            tree_add(&forest, &forest.names, &texts[i]);
    }
    forest_ask_all(&forest);
    forest_thin(&forest, 2);
    forest_ask_all(&forest);
    forest_thin(&forest, 1);
    demand(topic_node_below(forest.filters.root) == 0, "a filter is left");
    demand(topic_node_below(forest.names.root) == 0, "a name is left");
    topic_tree_deinit(&forest.filters);
    topic_tree_deinit(&forest.names);
    topic_walk_deinit(&forest.walk);
    grace_leave(forest.reader);
    grace_free(forest.grace);
}

/* ---- input ---- */

static void check_pairs(void)
{
    for (size_t i = 0; i < text_count; i++)
        for (size_t k = 0; k < text_count; k++)
            if (texts[i].is_filter && texts[k].is_name)
                demand(topic_matches(texts[i].view, texts[k].view) == text_matches(&texts[i], &texts[k]),
                       "%zu matches %zu, or not", i, k);
}

/* Each in memory of its own, so that a step beyond its end is noticed. */
static gmq_view text_copy(const uint8_t *bytes, size_t length, size_t wanted)
{
    char *copy = malloc(wanted > 0 ? wanted : 1);
    demand(copy != NULL, "no room");
    for (size_t i = 0; i < wanted; i++)
        copy[i] = (char)bytes[i < length ? i : i % length];
    return gmq_view_make(copy, wanted);
}

static size_t length_wanted(uint8_t choice, size_t length)
{
    if (choice < MAKE_LONGEST || length == 0)
        return length;
    return choice == MAKE_LONGEST ? LENGTH_MAX : LONGEST;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return 0;
    uint8_t choice = bytes[0];
    const uint8_t *end = bytes + length;
    size_t most = choice < MAKE_LONGEST ? TEXTS_MAX : TEXTS_BESIDE_LONGEST;
    text_count = 0;
    for (const uint8_t *at = bytes + 1; at != NULL && text_count < most;) {
        size_t rest = (size_t)(end - at);
        const uint8_t *line_end = rest > 0 ? memchr(at, '\n', rest) : NULL;
        size_t line = line_end != NULL ? (size_t)(line_end - at) : rest;
        bool is_last = line_end == NULL || text_count + 1 == most;
        texts[text_count++].view = text_copy(at, line, is_last ? length_wanted(choice, line) : line);
        at = is_last ? NULL : line_end + 1;
    }
    for (size_t i = 0; i < text_count; i++)
        check_text(&texts[i]);
    check_pairs();
    if (choice < MAKE_LONGEST)
        check_trees(); /* 65,536 levels deep takes a second, and tests/broker/topic_tree.c has it */
    for (size_t i = 0; i < text_count; i++)
        free((char *)(uintptr_t)texts[i].view.data);
    return 0;
}
