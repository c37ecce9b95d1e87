/* Matching: which filters of a tree match a topic name, and which names of a tree match a filter.
 *
 * The depth of a tree is the peers' choice, so what is still to be visited stands on a stack of our own. It never holds
 * more steps than the topic or filter, or the tree below a "#", has levels. */
#include "broker/topic_node.h"

#include "base/memory.h"
#include "mqtt/topic.h"

enum { WALK_CAPACITY_MIN = 32 };

/* What is left to do at a node. By a topic: go on at `node` with the level at `position`. By a filter: visit the
 * children from `index` on, and go on with each at `position`, or with all that is below them if `is_subtree`. */
struct topic_step {
    struct topic_node *node;
    const struct topic_children *children;
    size_t position;
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

static struct topic_node *children_hash(const struct topic_children *children)
{
    return atomic_load_explicit(&children->hash, memory_order_acquire);
}

static bool push_plus(struct walking *walking, const struct topic_children *children, size_t position)
{
    struct topic_node *plus = atomic_load_explicit(&children->plus, memory_order_acquire);
    return plus == NULL || walking_push(walking, (struct topic_step){.node = plus, .position = position});
}

/* Follows the topic's own levels down from `node`; what begins with a "+" on the way is left for later. */
static bool topic_follow(struct walking *walking, struct topic_node *node, size_t position)
{
    while (node != NULL) {
        const struct topic_children *children = topic_node_children(node);
        bool is_hidden = position == 0 && view_is_hidden(walking->path);
        if (children != NULL && !is_hidden)
            walking_visit(walking, children_hash(children)); /* "a/#" matches "a", too (4.7.1.2) */
        gmq_view level;
        if (!topic_next_level(walking->path, &position, &level)) {
            walking_visit(walking, node);
            return true;
        }
        if (children != NULL && !is_hidden && !push_plus(walking, children, position))
            return false;
        node = topic_children_find(children, level);
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
    const struct topic_children *children = topic_node_children(node);
    if (children == NULL || children->capacity == 0)
        return true;
    return walking_push(
        walking,
        (struct topic_step){.node = node, .children = children, .position = position, .is_subtree = is_subtree});
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
        node = topic_children_find(topic_node_children(node), level);
    }
    walking_visit(walking, node);
    return true;
}

/* The next child of a step, or NULL. */
static struct topic_node *step_next(struct topic_step *step)
{
    bool is_first_level = step->node->parent == NULL;
    while (step->index < step->children->capacity) {
        struct topic_node *child = atomic_load_explicit(&step->children->slots[step->index++], memory_order_acquire);
        if (child != NULL && !(is_first_level && view_is_hidden(topic_node_level(child))))
            return child;
    }
    return NULL;
}

static bool filter_enter(struct walking *walking, struct topic_node *child, size_t position, bool is_subtree)
{
    if (!is_subtree)
        return filter_follow(walking, child, position);
    walking_visit(walking, child);
    return push_children(walking, child, position, true);
}

bool topic_tree_match_filter(const struct topic_tree *tree, gmq_view filter, struct topic_walk *walk,
                             topic_visit *visit, void *data)
{
    struct walking walking = {.walk = walk, .path = filter, .visit = visit, .data = data};
    if (!filter_follow(&walking, tree->root, 0))
        return false;
    while (walking.count > 0) {
        struct topic_step *step = &walk->steps[walking.count - 1];
        struct topic_node *child = step_next(step);
        if (child == NULL)
            walking.count--;
        else if (!filter_enter(&walking, child, step->position, step->is_subtree))
            return false;
    }
    return true;
}
