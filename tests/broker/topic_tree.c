/* The tree of topics against a shadow that compares each path with each, and with allocations that fail. */
#include "broker/topic_tree.h"

#include "base/memory.h"
#include "base/random.h"
#include "broker/topic_node.h"
#include "mqtt/topic.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATHS = 400, PATH_SIZE = 80, WIDE = 5000, DEEP = 65535, ROUNDS = 60000 };

/* What the shadow knows: a path, and whether it is in the tree. The path itself is its value there. */
struct path {
    char text[PATH_SIZE];
    bool is_in;
    int visits;
};

static struct path paths[PATHS];
static struct grace *grace;
static struct grace_reader *reader;
static struct topic_tree tree;
static struct topic_walk walk;
static int visits;

static void make_tree(void)
{
    grace = grace_new();
    reader = grace_join(grace);
    cr_assert(topic_tree_init(&tree));
}

/* After a change: what it has unlinked is given a ticket, the reader is quiescent, and it is freed. */
static void collect(void)
{
    (void)topic_tree_collect(&tree, reader, UINT32_MAX);
    grace_quiescent(reader);
    (void)topic_tree_collect(&tree, reader, UINT32_MAX);
    grace_quiescent(reader);
    cr_assert_not(topic_tree_collect(&tree, reader, UINT32_MAX));
}

static void free_tree(void)
{
    mem_fail_after(0);
    topic_tree_deinit(&tree);
    topic_walk_deinit(&walk);
    grace_leave(reader);
    grace_free(grace);
}

TestSuite(topic_tree, .init = make_tree, .fini = free_tree);

static bool add(const char *text, void *value)
{
    struct topic_node *node = topic_tree_add(&tree, gmq_view_of(text), reader);
    if (node != NULL)
        topic_node_set_value(node, value);
    return node != NULL;
}

static void take_out(const char *text)
{
    struct topic_node *node = topic_tree_find(&tree, gmq_view_of(text));
    cr_assert_not_null(node, "%s", text);
    topic_node_set_value(node, NULL);
    topic_tree_prune(&tree, node, reader);
}

static bool is_empty(void)
{
    return topic_node_below(tree.root) == 0;
}

static void count_visit(struct topic_node *node, void *data)
{
    (void)node;
    (void)data;
    visits++;
}

static int match_topic(const char *topic)
{
    visits = 0;
    cr_assert(topic_tree_match_topic(&tree, gmq_view_of(topic), &walk, count_visit, NULL));
    return visits;
}

static int match_filter(const char *filter)
{
    visits = 0;
    cr_assert(topic_tree_match_filter(&tree, gmq_view_of(filter), &walk, count_visit, NULL));
    return visits;
}

Test(topic_tree, an_empty_tree_has_and_matches_nothing)
{
    cr_assert_null(topic_tree_find(&tree, gmq_view_of("a")));
    cr_assert_eq(match_topic("a/b"), 0);
    cr_assert_eq(match_filter("#"), 0);
}

Test(topic_tree, a_node_says_its_path)
{
    static const char *const texts[] = {"a",  "",   "/",     "a//b",
                                        "/a", "a/", "+/b/#", "a long level indeed/and another one"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t length = strlen(texts[i]);
        char text[PATH_SIZE];
        memset(text, '.', sizeof text);

        struct topic_node *node = topic_tree_add(&tree, gmq_view_of(texts[i]), reader);

        cr_assert_eq(topic_tree_find(&tree, gmq_view_of(texts[i])), node);
        cr_assert_eq(topic_node_path(node, text, length), length);
        cr_assert(gmq_view_equals(gmq_view_make(text, length), texts[i]), "%s", texts[i]);
        cr_assert_eq(text[length], '.');
    }
}

Test(topic_tree, a_path_that_does_not_fit_is_not_written)
{
    char text[8] = ".......";
    struct topic_node *node = topic_tree_add(&tree, gmq_view_of("a/b/c"), reader);

    cr_assert_eq(topic_node_path(node, text, 4), 5);
    cr_assert_str_eq(text, ".......");
    cr_assert_eq(topic_node_path(node, NULL, 0), 5);
}

Test(topic_tree, a_path_is_added_once)
{
    struct topic_node *node = topic_tree_add(&tree, gmq_view_of("a/+/c"), reader);

    cr_assert_eq(topic_tree_add(&tree, gmq_view_of("a/+/c"), reader), node);
    cr_assert_null(topic_node_value(node));
    cr_assert_null(topic_tree_find(&tree, gmq_view_of("a/+/d")));
    cr_assert_not_null(topic_tree_find(&tree, gmq_view_of("a/+")));
}

Test(topic_tree, pruning_takes_what_leads_nowhere_and_no_more)
{
    add("a/b/c/d", paths);
    add("a/b", paths);
    take_out("a/b/c/d");

    cr_assert_null(topic_tree_find(&tree, gmq_view_of("a/b/c")));
    cr_assert_not_null(topic_tree_find(&tree, gmq_view_of("a/b")));

    take_out("a/b");
    cr_assert(is_empty());
}

Test(topic_tree, what_is_pruned_stays_readable_until_the_reader_was_quiescent)
{
    add("a/b/c", paths);
    const struct topic_node *above = topic_tree_find(&tree, gmq_view_of("a/b"));
    const struct topic_node *node = topic_tree_find(&tree, gmq_view_of("a/b/c"));
    take_out("a/b/c");
    cr_assert(topic_tree_collect(&tree, reader, UINT32_MAX));
    cr_assert(topic_tree_collect(&tree, reader, UINT32_MAX));

    cr_assert(gmq_view_equals(topic_node_level(node), "c"));
    cr_assert_null(topic_node_value(node));
    cr_assert_eq(topic_node_below(node), 0);
    cr_assert(gmq_view_equals(topic_node_level(above), "b"));
    cr_assert_eq(topic_node_below(above), 0);

    grace_quiescent(reader);
    cr_assert_not(topic_tree_collect(&tree, reader, UINT32_MAX));
}

Test(topic_tree, filters_match_topics_as_the_standard_says)
{
    static const char *const filters[] = {"sport/tennis/player1/#",
                                          "sport/#",
                                          "#",
                                          "sport/tennis/+",
                                          "sport/+",
                                          "+",
                                          "+/tennis/#",
                                          "+/+",
                                          "/+",
                                          "$SYS/#",
                                          "$SYS/+",
                                          "",
                                          "sport/tennis/player1",
                                          "+/monitor"};
    static const struct {
        const char *topic;
        int count;
    } cases[] = {
        {"sport/tennis/player1", 6},         /* player1, player1/#, sport/#, #, tennis/+, +/tennis/# */
        {"sport/tennis/player1/ranking", 4}, /* player1/#, sport/#, #, +/tennis/# */
        {"sport", 3},                        /* sport/#, #, + */
        {"sport/", 4},                       /* sport/#, #, sport/+, +/+ */
        {"/finance", 3},                     /* #, +/+, /+ */
        {"$SYS", 1},                         /* $SYS/# */
        {"$SYS/monitor", 2},                 /* $SYS/#, $SYS/+ */
        {"$other", 0},
        {"", 3}, /* "", #, + */
    };
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        add(filters[i], paths);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(match_topic(cases[i].topic), cases[i].count, "%s: got %d, expected %d", cases[i].topic, visits,
                     cases[i].count);
}

Test(topic_tree, filters_find_names_as_the_standard_says)
{
    static const char *const names[] = {"a", "a/b", "a/b/c", "a/", "/", "", "$SYS", "$SYS/x", "b/c"};
    static const struct {
        const char *filter;
        int count;
    } cases[] = {{"#", 7},     {"+", 2},   {"a/#", 4},     {"+/+", 4},    {"a/+", 2}, {"$SYS/#", 2},
                 {"$SYS", 1},  {"a", 1},   {"x", 0},       {"+/b/#", 2},  {"/#", 2},  {"a/b/c/d", 0},
                 {"a/b/+", 1}, {"+/#", 7}, {"a/b/c/#", 1}, {"$SYS/+", 1}, {"+/c", 1}, {"", 1}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add(names[i], paths);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(match_filter(cases[i].filter), cases[i].count, "%s: got %d, expected %d", cases[i].filter, visits,
                     cases[i].count);
}

/* ---- random use ---- */

static void random_path(struct random *random, char *text, bool has_wildcards)
{
    static const char *const levels[] = {"a", "b", "c", "", "$x", "level_longer_than", "a", "b", "+", "+", "#"};
    size_t count = random_below(random, 4) + 1;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t choice = random_below(random, has_wildcards ? 11 : 8);
        if (i > 0)
            strcat(text, "/");
        strncat(text, levels[choice], i + 1 < count && choice == 10 ? 0 : 17);
    }
    if (text[0] == '\0') /* as a view it would be valid, but no topic */
        strcpy(text, "a");
}

static bool is_known(size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(paths[i].text, text) == 0)
            return true;
    }
    return false;
}

static void make_paths(struct random *random, bool has_wildcards)
{
    for (size_t i = 0; i < PATHS;) {
        random_path(random, paths[i].text, has_wildcards);
        i += !is_known(i, paths[i].text);
    }
}

static void path_visit(struct topic_node *node, void *data)
{
    (void)data;
    ((struct path *)topic_node_value(node))->visits++;
}

/* Adds or takes out a random path; they are few at some times, many at others. */
static void change_random_path(struct random *random, int round)
{
    bool is_filling = round / 2000 % 2 == 0;
    struct path *path = &paths[random_below(random, PATHS)];
    bool is_to_be_in = random_below(random, 10) < (is_filling ? 8 : 1);
    if (is_to_be_in && !path->is_in)
        cr_assert(add(path->text, path));
    else if (!is_to_be_in && path->is_in)
        take_out(path->text);
    path->is_in = is_to_be_in;
    if (random_below(random, 16) == 0)
        collect();
}

static void check_visits(const char *text, bool is_topic)
{
    gmq_view view = gmq_view_of(text);
    for (size_t i = 0; i < PATHS; i++) {
        gmq_view path = gmq_view_of(paths[i].text);
        bool is_match = is_topic ? topic_matches(path, view) : topic_matches(view, path);
        cr_assert_eq(paths[i].visits, paths[i].is_in && is_match, "\"%s\" against \"%s\": got %d visits", text,
                     paths[i].text, paths[i].visits);
        paths[i].visits = 0;
    }
}

static void check_members(void)
{
    for (size_t i = 0; i < PATHS; i++) {
        struct topic_node *node = topic_tree_find(&tree, gmq_view_of(paths[i].text));
        void *value = node != NULL ? topic_node_value(node) : NULL;
        cr_assert_eq(value, paths[i].is_in ? &paths[i] : NULL, "%s", paths[i].text);
    }
}

static void empty_tree(void)
{
    for (size_t i = 0; i < PATHS; i++) {
        if (paths[i].is_in)
            take_out(paths[i].text);
    }
    cr_assert(is_empty());
    collect();
}

Test(topic_tree, a_tree_of_filters_agrees_with_a_shadow)
{
    struct random random = {7};
    make_paths(&random, true);
    for (int round = 0; round < ROUNDS; round++) {
        char topic[PATH_SIZE];
        random_path(&random, topic, false);
        change_random_path(&random, round);

        cr_assert(topic_tree_match_topic(&tree, gmq_view_of(topic), &walk, path_visit, NULL));

        check_visits(topic, true);
        if (round % 500 == 0)
            check_members();
    }
    empty_tree();
}

Test(topic_tree, a_tree_of_names_agrees_with_a_shadow)
{
    struct random random = {8};
    make_paths(&random, false);
    for (int round = 0; round < ROUNDS; round++) {
        char filter[PATH_SIZE];
        random_path(&random, filter, true);
        change_random_path(&random, round);

        cr_assert(topic_tree_match_filter(&tree, gmq_view_of(filter), &walk, path_visit, NULL));

        check_visits(filter, false);
        if (round % 500 == 0)
            check_members();
    }
    empty_tree();
}

/* ---- extremes ---- */

static void wide_path(char *text, size_t i)
{
    snprintf(text, PATH_SIZE, "a/%zu", i);
}

Test(topic_tree, many_children_come_and_go)
{
    char text[PATH_SIZE];
    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i);
        cr_assert(add(text, paths));
    }
    cr_assert_eq(match_filter("a/+"), WIDE);

    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i * 7 % WIDE);
        take_out(text);
        wide_path(text, (i + 1) * 7 % WIDE);
        cr_assert(i == WIDE - 1 || topic_tree_find(&tree, gmq_view_of(text)) != NULL);
    }
    cr_assert(is_empty());
}

Test(topic_tree, children_that_are_exchanged_for_ever_need_no_more_room)
{
    char text[PATH_SIZE];
    for (size_t i = 0; i < 20 * WIDE; i++) {
        wide_path(text, i);
        cr_assert(add(text, paths));
        if (i >= 100) {
            wide_path(text, i - 100);
            take_out(text);
        }
        collect();
    }
    cr_assert_eq(match_filter("a/#"), 100);
}

Test(topic_tree, a_path_may_be_as_deep_as_a_topic_can_be)
{
    char *text = malloc(DEEP);
    memset(text, '/', DEEP);
    gmq_view path = gmq_view_make(text, DEEP);
    struct topic_node *node = topic_tree_add(&tree, path, reader);
    topic_node_set_value(node, paths);
    add("+/#", paths);

    cr_assert_eq(topic_tree_find(&tree, path), node);
    cr_assert_eq(topic_node_path(node, text, DEEP), DEEP);
    cr_assert(topic_tree_match_topic(&tree, path, &walk, count_visit, NULL));
    cr_assert_eq(visits, 2);
    take_out("+/#");
    cr_assert_eq(match_filter("#"), 1);

    topic_node_set_value(node, NULL);
    topic_tree_prune(&tree, node, reader);
    cr_assert(is_empty());
    free(text);
}

/* Enough children for a directory of tables, which come and go so that tables are split, emptied and filled again. */
Test(topic_tree, a_crowded_level_agrees_with_a_shadow)
{
    struct random random = {11};
    static bool is_in[4 * WIDE];
    char text[PATH_SIZE];
    int count = 0;
    add("a/+/x", paths);
    for (int round = 0; round < 10 * ROUNDS; round++) {
        bool is_growing = round / (2 * ROUNDS) % 2 == 0;
        size_t i = random_below(&random, 4 * WIDE);
        if (is_in[i] != is_growing) {
            wide_path(text, i);
            is_in[i] = is_growing;
            count += is_growing ? 1 : -1;
            if (is_growing)
                cr_assert(add(text, paths));
            else
                take_out(text);
        }
        if (round % 100 == 0)
            collect();
        if (round % (ROUNDS / 4) == 0)
            cr_assert_eq(match_filter("a/+"), count);
        wide_path(text, random_below(&random, 4 * WIDE));
        const struct topic_node *found = topic_tree_find(&tree, gmq_view_of(text));
        cr_assert_eq(found != NULL, is_in[strtoul(text + 2, NULL, 10)], "%s", text);
    }
    cr_assert_eq(match_topic("a/no/x"), 1);
}

static void free_value(void *owner, void *value)
{
    (void)owner;
    mem_free(value);
}

Test(topic_tree, a_deep_tree_goes_with_its_values)
{
    char *text = malloc(DEEP);
    memset(text, '/', DEEP);
    struct topic_tree own;
    cr_assert(topic_tree_init(&own));
    for (size_t length = DEEP; length > DEEP - 3; length--)
        topic_node_set_value(topic_tree_add(&own, gmq_view_make(text, length), reader), mem_alloc(1));
    topic_node_set_value(topic_tree_add(&own, gmq_view_of("a/+/#"), reader), mem_alloc(1));
    free(text);

    topic_tree_deinit_values(&own, free_value);

    cr_assert_null(own.root);
}

/* ---- out of memory ---- */

Test(topic_tree, a_path_that_can_not_be_added_leaves_no_trace)
{
    static const char *const before[] = {"a/1", "a/2", "a/3", "a/4", "a/+", "b"};
    static const char *const attempts[] = {"a/5/6/+/#", "b/#", "b/+", "c/d/e", "#", "+/x"};
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        cr_assert(add(before[i], paths));

    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        bool has_failed = true;
        for (uint64_t n = 1; has_failed; n++) {
            gmq_view path = gmq_view_of(attempts[i]);
            mem_fail_after(n);
            struct topic_node *node = topic_tree_add(&tree, path, reader);
            has_failed = mem_fail_after(0) != 0;

            cr_assert_eq(node == NULL, has_failed, "%s", attempts[i]);
            cr_assert_eq(topic_tree_find(&tree, path), node);
            cr_assert_eq(match_topic("a/1"), 2);
            cr_assert_eq(match_topic("b"), 1);
            size_t first_end = (size_t)(strcspn(attempts[i], "/"));
            bool is_new = strchr("c#+", attempts[i][0]) != NULL;
            cr_assert(!has_failed || !is_new || topic_tree_find(&tree, gmq_view_make(path.data, first_end)) == NULL);
            if (node != NULL)
                topic_tree_prune(&tree, node, reader);
        }
    }
}

Test(topic_tree, a_tree_that_can_not_be_made_is_not_made)
{
    struct topic_tree own = {.root = NULL};
    mem_fail_after(1);

    cr_assert_not(topic_tree_init(&own));
    cr_assert_null(own.root);
}

Test(topic_tree, pruning_works_without_memory)
{
    char text[PATH_SIZE];
    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i);
        cr_assert(add(text, paths));
    }
    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i);
        mem_fail_after(1);
        take_out(text);
        mem_fail_after(0);
        if (i % 500 == 0)
            cr_assert_eq(match_filter("a/+"), WIDE - 1 - (int)i);
    }
    cr_assert(is_empty());
}

/* What is left of a walk may be cut again and again, while nodes come and go. */
Test(topic_tree, a_walk_that_was_cut_goes_on_where_it_was)
{
    char text[PATH_SIZE];
    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i);
        cr_assert(add(text, paths));
    }
    visits = 0;
    size_t slices = 1;
    walk.most = 100;
    bool is_whole = topic_tree_match_filter(&tree, gmq_view_of("a/+"), &walk, count_visit, NULL);
    for (; !is_whole; slices++) {
        cr_assert(walk.is_cut);
        is_whole = topic_tree_match_more(&tree, gmq_view_of("a/+"), &walk, count_visit, NULL);
    }
    walk.most = 0;
    cr_assert_eq(visits, WIDE);
    cr_assert_geq(slices, (size_t)WIDE / 100);
    for (size_t i = 0; i < WIDE; i++) {
        wide_path(text, i);
        take_out(text);
    }
}

Test(topic_tree, a_walk_without_memory_says_so_and_works_the_next_time)
{
    add("+/+/+", paths);
    add("a/b/c", paths);
    mem_fail_after(1);
    cr_assert_not(topic_tree_match_topic(&tree, gmq_view_of("a/b/c"), &walk, count_visit, NULL));
    cr_assert_eq(match_topic("a/b/c"), 2);
    topic_walk_deinit(&walk);
    take_out("+/+/+");

    mem_fail_after(1);
    cr_assert_not(topic_tree_match_filter(&tree, gmq_view_of("#"), &walk, count_visit, NULL));
    cr_assert_eq(match_filter("#"), 1);
}
