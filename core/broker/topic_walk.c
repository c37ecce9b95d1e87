/* Matching: which filters of a tree match a topic name, and which names of a tree match a filter.
 *
 * The depth of a tree is the peers' choice, so what is still to be visited stands on a stack of our own. It never holds
 * more steps than the topic or filter, or the tree below a "#", has levels. */
#include "broker/topic_node.h"

#include "base/memory.h"
#include "mqtt/topic.h"

enum { WALK_CAPACITY_MIN = 32 };

/* What is left to do at a node. By a topic: go on at `node` with the level at `position`. By a filter: visit `single`
 * if it is there, and the children from `index` on in `segment` and those behind it; and go on with each at `position`,
 * or with all that is below them if `is_subtree`. */
struct topic_step {
    struct topic_node *node;
    struct topic_node *single;
    const struct topic_children *table;
    const struct topic_children *segment; /* NULL: that at `segment_index` */
    size_t position;
    uint32_t segment_index;
    uint32_t index;
    bool is_subtree;
};

/* One walk under way. */
struct walking {
    struct topic_walk *walk;
    size_t count; /* steps on the stack */
    gmq_view path;
    topic_visit *visit;
    void *data;
};

void topic_walk_deinit(struct topic_walk *walk)
{
    mem_free(walk->steps);
    *walk = (struct topic_walk){0};
}

static bool walk_grow(struct topic_walk *walk)
{
    size_t capacity = walk->capacity != 0 ? walk->capacity * 2 : WALK_CAPACITY_MIN;
    struct topic_step *steps = mem_realloc(walk->steps, capacity * sizeof(*steps));
    if (steps == NULL)
        return false;
    walk->steps = steps;
    walk->capacity = capacity;
    return true;
}

static bool walking_push(struct walking *walking, struct topic_step step)
{
    struct topic_walk *walk = walking->walk;
    if (walking->count == walk->capacity && !walk_grow(walk))
        return false;
    walk->steps[walking->count++] = step;
    return true;
}

static void walking_visit(const struct walking *walking, struct topic_node *node)
{
    if (node != NULL && topic_node_value(node) != NULL)
        walking->visit(node, walking->data);
}

/* A wildcard on the first level doesn't match what begins with "$" [MQTT-4.7.2-1]. */
static bool view_is_hidden(gmq_view view)
{
    return view.length > 0 && view.data[0] == '$';
}

/* ---- a topic against a tree of filters ---- */

static bool push_plus(struct walking *walking, topic_below below, size_t position)
{
    struct topic_node *plus = topic_below_plus(below);
    return plus == NULL || walking_push(walking, (struct topic_step){.node = plus, .position = position});
}

/* Follows the topic's own levels down from `node`; what begins with a "+" on the way is left for later. */
static bool topic_follow(struct walking *walking, struct topic_node *node, size_t position)
{
    while (node != NULL) {
        topic_below below = topic_node_below(node);
        bool is_hidden = position == 0 && view_is_hidden(walking->path);
        if (!is_hidden)
            walking_visit(walking, topic_below_hash(below)); /* "a/#" matches "a", too (4.7.1.2) */
        gmq_view level;
        if (!topic_next_level(walking->path, &position, &level)) {
            walking_visit(walking, node);
            return true;
        }
        if (!is_hidden && !push_plus(walking, below, position))
            return false;
        node = topic_below_find(below, level);
    }
    return true;
}

bool topic_tree_match_topic(const struct topic_tree *tree, gmq_view topic, struct topic_walk *walk, topic_visit *visit,
                            void *data)
{
    struct walking walking = {.walk = walk, .path = topic, .visit = visit, .data = data};
    if (!topic_follow(&walking, tree->root, 0))
        return false;
    while (walking.count > 0) {
        struct topic_step step = walk->steps[--walking.count];
        if (!topic_follow(&walking, step.node, step.position))
            return false;
    }
    return true;
}

/* ---- a filter against a tree of names ---- */

static bool push_children(struct walking *walking, struct topic_node *node, size_t position, bool is_subtree)
{
    topic_below below = topic_node_below(node);
    struct topic_step step = {.node = node, .position = position, .is_subtree = is_subtree};
    step.single = topic_below_single(below);
    step.table = topic_below_table(below);
    return below == 0 || walking_push(walking, step);
}

/* Follows the filter's levels down from `node` to its end or to the next wildcard. */
static bool filter_follow(struct walking *walking, struct topic_node *node, size_t position)
{
    gmq_view level;
    while (node != NULL && topic_next_level(walking->path, &position, &level)) {
        if (gmq_view_equals(level, "+"))
            return push_children(walking, node, position, false);
        if (gmq_view_equals(level, "#")) {
            walking_visit(walking, node); /* the parent level, too (4.7.1.2) */
            return push_children(walking, node, position, true);
        }
        node = topic_below_find(topic_node_below(node), level);
    }
    walking_visit(walking, node);
    return true;
}

/* The next segment of a step's table, or the table itself; NULL: there is none. A segment that is split meanwhile has
 * all that is in its part of the directory, as it was. */
static const struct topic_children *step_next_segment(struct topic_step *step)
{
    const struct topic_children *table = step->table;
    if (table == NULL || step->segment_index >= (table->is_directory ? table->capacity : 1))
        return NULL;
    const struct topic_children *segment = table;
    if (table->is_directory)
        segment = topic_directory_segment(table, step->segment_index);
    step->segment_index += UINT32_C(1) << (table->bits - segment->bits);
    step->index = 0;
    return segment;
}

static struct topic_node *step_next_any(struct topic_step *step)
{
    struct topic_node *child = step->single;
    step->single = NULL;
    while (child == NULL) {
        if (step->segment == NULL)
            step->segment = step_next_segment(step);
        if (step->segment == NULL)
            return NULL;
        if (step->index < step->segment->capacity)
            child = atomic_load_explicit(&step->segment->slots[step->index++], memory_order_acquire);
        else
            step->segment = NULL;
    }
    return child;
}

/* The next child of a step, or NULL. */
static struct topic_node *step_next(struct topic_step *step, bool is_first_level)
{
    struct topic_node *child = step_next_any(step);
    while (child != NULL && is_first_level && view_is_hidden(topic_node_level(child)))
        child = step_next_any(step);
    return child;
}

static bool filter_enter(struct walking *walking, struct topic_node *child, size_t position, bool is_subtree)
{
    if (!is_subtree)
        return filter_follow(walking, child, position);
    walking_visit(walking, child);
    return push_children(walking, child, position, true);
}

/* Does what is on the stack, until it is empty or enough children were looked at. */
static bool filter_walk(const struct topic_tree *tree, struct walking *walking)
{
    struct topic_walk *walk = walking->walk;
    uint32_t looked_at = 0;
    while (walking->count > 0) {
        struct topic_step *step = &walk->steps[walking->count - 1];
        if (walk->most != 0 && looked_at++ == walk->most) {
            walk->is_cut = true;
            walk->count = walking->count;
            return false;
        }
        struct topic_node *child = step_next(step, step->node == tree->root);
        if (child == NULL)
            walking->count--;
        else if (!filter_enter(walking, child, step->position, step->is_subtree))
            return false;
    }
    return true;
}

bool topic_tree_match_filter(const struct topic_tree *tree, gmq_view filter, struct topic_walk *walk,
                             topic_visit *visit, void *data)
{
    struct walking walking = {.walk = walk, .path = filter, .visit = visit, .data = data};
    walk->is_cut = false;
    return filter_follow(&walking, tree->root, 0) && filter_walk(tree, &walking);
}

bool topic_tree_match_more(const struct topic_tree *tree, gmq_view filter, struct topic_walk *walk, topic_visit *visit,
                           void *data)
{
    struct walking walking = {.walk = walk, .count = walk->count, .path = filter, .visit = visit, .data = data};
    walk->is_cut = false;
    return filter_walk(tree, &walking);
}
