/* The tree itself: finding, adding and pruning nodes under the eyes of readers that hold no lock.
 *
 * Every change that readers can see is one store of a pointer, with release, to something that is complete: a whole
 * chain of new nodes is hung in at once, a table that must grow is replaced at once. What is unlinked keeps its
 * content, so that who still stands on it finds his way, until grace has passed. */
#include "broker/topic_node.h"

#include "base/memory.h"
#include "mqtt/topic.h"

#include <assert.h>

enum {
    CHILDREN_FULL_UP_TO = 4, /* smaller tables are searched whole, and may be filled whole */
    CHILDREN_SPARSE = 8,     /* with less than this part in use, a table is made smaller */
};

#define CHILDREN_NO_PLACE UINT32_MAX

/* ---- children tables ---- */

static struct topic_children *children_new(uint32_t capacity)
{
    const struct topic_children *layout = NULL;
    size_t size = sizeof(*layout) + capacity * (sizeof(layout->slots[0]) + sizeof(uint32_t));
    struct topic_children *children = mem_alloc_zero(1, size);
    if (children != NULL)
        children->capacity = capacity;
    return children;
}

static void children_release(struct grace_retired *retired)
{
    mem_free(LIST_OBJECT(retired, struct topic_children, retired));
}

static struct topic_node *children_slot(const struct topic_children *children, uint32_t index)
{
    return atomic_load_explicit(&children->slots[index], memory_order_acquire);
}

struct topic_node *topic_children_find(const struct topic_children *children, gmq_view level)
{
    if (children == NULL || children->capacity == 0)
        return NULL;
    const _Atomic uint32_t *hashes = topic_children_hashes(children);
    uint32_t wanted = topic_level_hash(level);
    uint32_t mask = children->capacity - 1;
    uint32_t index = wanted & mask;
    for (uint32_t tries = 0; tries <= mask; tries++, index = (index + 1) & mask) {
        uint32_t hash = atomic_load_explicit(&hashes[index], memory_order_acquire);
        if (hash == 0)
            return NULL;
        struct topic_node *child = hash == wanted ? children_slot(children, index) : NULL;
        if (child != NULL && gmq_view_same(topic_node_level(child), level))
            return child;
    }
    return NULL;
}

/* How many hashes may be in use, those of children that have gone included. */
static uint32_t children_limit(uint32_t capacity)
{
    return capacity <= CHILDREN_FULL_UP_TO ? capacity : capacity - capacity / 4;
}

/* The capacity for `count` children. Some room is left, so that a table that is refilled as often as emptied isn't
 * built anew each time. */
static uint32_t children_capacity_for(uint32_t count)
{
    uint32_t capacity = count != 0 ? 1 : 0;
    while (children_limit(capacity) < count + count / 8)
        capacity *= 2;
    return capacity;
}

/* The first slot in which a child with this hash could be put, or CHILDREN_NO_PLACE. */
static uint32_t children_place(const struct topic_children *children, uint32_t level_hash)
{
    const _Atomic uint32_t *hashes = topic_children_hashes(children);
    uint32_t mask = children->capacity - 1;
    uint32_t index = level_hash & mask;
    for (uint32_t tries = 0; tries < children->capacity; tries++, index = (index + 1) & mask) {
        if (children_slot(children, index) != NULL)
            continue;
        bool is_fresh = atomic_load_explicit(&hashes[index], memory_order_relaxed) == 0;
        return is_fresh && children->filled >= children_limit(children->capacity) ? CHILDREN_NO_PLACE : index;
    }
    return CHILDREN_NO_PLACE;
}

static void children_put(struct topic_children *children, uint32_t place, struct topic_node *child)
{
    _Atomic uint32_t *hash = &topic_children_hashes(children)[place];
    children->filled += atomic_load_explicit(hash, memory_order_relaxed) == 0;
    children->live++;
    atomic_store_explicit(&children->slots[place], child, memory_order_release);
    atomic_store_explicit(hash, child->level_hash, memory_order_release);
}

static void children_copy(struct topic_children *to, const struct topic_children *from)
{
    atomic_init(&to->plus, atomic_load_explicit(&from->plus, memory_order_relaxed));
    atomic_init(&to->hash, atomic_load_explicit(&from->hash, memory_order_relaxed));
    for (uint32_t i = 0; i < from->capacity; i++) {
        struct topic_node *child = children_slot(from, i);
        if (child != NULL)
            children_put(to, children_place(to, child->level_hash), child);
    }
}

/* Writer. The node gets a new table for `count` children and those that it has; NULL when memory is out. */
static struct topic_children *node_rebuild_children(struct topic_node *node, uint32_t count,
                                                    struct grace_reader *reader)
{
    struct topic_children *old = topic_node_children(node);
    struct topic_children *children = children_new(children_capacity_for(count));
    if (children == NULL)
        return NULL;
    if (old != NULL)
        children_copy(children, old);
    atomic_store_explicit(&node->children, children, memory_order_release);
    if (old != NULL)
        grace_retire(reader, &old->retired, children_release);
    return children;
}

/* ---- nodes ---- */

static struct topic_node *node_new(struct topic_node *parent, gmq_view level)
{
    assert(level.length <= UINT16_MAX); /* as topics are */
    size_t size = offsetof(struct topic_node, level) + level.length;
    struct topic_node *node = mem_alloc(size > sizeof(*node) ? size : sizeof(*node));
    if (node == NULL)
        return NULL;
    node->parent = parent;
    atomic_init(&node->value, NULL);
    atomic_init(&node->children, NULL);
    node->level_hash = topic_level_hash(level);
    node->level_length = (uint16_t)level.length;
    if (level.length != 0)
        memcpy(node->level, level.data, level.length);
    return node;
}

static void node_release(struct grace_retired *retired)
{
    mem_free(LIST_OBJECT(retired, struct topic_node, retired));
}

/* Where a child of this level hangs if it doesn't hang in a slot; NULL for a level without wildcard. */
static _Atomic(struct topic_node *) *children_wildcard(struct topic_children *children, gmq_view level)
{
    if (level.length != 1)
        return NULL;
    if (level.data[0] == '+')
        return &children->plus;
    return level.data[0] == '#' ? &children->hash : NULL;
}

static struct topic_node *node_child(const struct topic_node *node, gmq_view level)
{
    struct topic_children *children = topic_node_children(node);
    if (children == NULL)
        return NULL;
    _Atomic(struct topic_node *) *wildcard = children_wildcard(children, level);
    if (wildcard != NULL)
        return atomic_load_explicit(wildcard, memory_order_acquire);
    return topic_children_find(children, level);
}

static bool node_attach_in_slot(struct topic_node *child, struct grace_reader *reader)
{
    struct topic_node *parent = child->parent;
    struct topic_children *children = topic_node_children(parent);
    uint32_t place = children != NULL ? children_place(children, child->level_hash) : CHILDREN_NO_PLACE;
    if (place == CHILDREN_NO_PLACE) {
        uint32_t live = children != NULL ? children->live : 0;
        children = node_rebuild_children(parent, live + 1, reader);
        if (children == NULL)
            return false;
        place = children_place(children, child->level_hash);
    }
    children_put(children, place, child);
    return true;
}

/* Writer. Makes the node a child of its parent, for all to see; false when memory is out. */
static bool node_attach(struct topic_node *child, struct grace_reader *reader)
{
    gmq_view level = topic_node_level(child);
    struct topic_children *children = topic_node_children(child->parent);
    if (!gmq_view_equals(level, "+") && !gmq_view_equals(level, "#"))
        return node_attach_in_slot(child, reader);
    if (children == NULL)
        children = node_rebuild_children(child->parent, 0, reader);
    if (children == NULL)
        return false;
    atomic_store_explicit(children_wildcard(children, level), child, memory_order_release);
    return true;
}

static bool children_are_none(const struct topic_children *children)
{
    return children->live == 0 && atomic_load_explicit(&children->plus, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&children->hash, memory_order_relaxed) == NULL;
}

static void children_remove(struct topic_children *children, struct topic_node *child)
{
    assert(children != NULL); /* a child hangs in its parent's table */
    _Atomic(struct topic_node *) *place = children_wildcard(children, topic_node_level(child));
    if (place == NULL) {
        uint32_t mask = children->capacity - 1;
        uint32_t index = child->level_hash & mask;
        while (children_slot(children, index) != child)
            index = (index + 1) & mask;
        place = &children->slots[index];
        children->live--;
    }
    atomic_store_explicit(place, NULL, memory_order_release);
}

static void node_detach(struct topic_node *child, struct grace_reader *reader)
{
    struct topic_node *parent = child->parent;
    struct topic_children *children = topic_node_children(parent);
    children_remove(children, child);
    if (children_are_none(children)) {
        atomic_store_explicit(&parent->children, NULL, memory_order_release);
        grace_retire(reader, &children->retired, children_release);
    } else if (children->live < children->capacity / CHILDREN_SPARSE) {
        (void)node_rebuild_children(parent, children->live, reader); /* a failure leaves a large table, nothing worse */
    }
}

/* ---- the tree ---- */

bool topic_tree_init(struct topic_tree *tree)
{
    struct topic_node *root = node_new(NULL, gmq_view_make(NULL, 0));
    if (root == NULL)
        return false;
    tree->root = root;
    return true;
}

/* No readers. Takes any one child out of the table; NULL if there is none. */
static struct topic_node *children_pop(struct topic_children *children)
{
    struct topic_node *child = atomic_exchange_explicit(&children->plus, NULL, memory_order_relaxed);
    if (child == NULL)
        child = atomic_exchange_explicit(&children->hash, NULL, memory_order_relaxed);
    while (child == NULL && children->capacity != 0)
        child = children_slot(children, --children->capacity);
    return child;
}

void topic_tree_deinit_values(struct topic_tree *tree, topic_value_release *release)
{
    /* Down to the leaves and back by the parents: the depth is a peer's choice, so no recursion. */
    struct topic_node *node = tree->root;
    while (node != NULL) {
        struct topic_children *children = topic_node_children(node);
        struct topic_node *child = children != NULL ? children_pop(children) : NULL;
        if (child != NULL) {
            node = child;
            continue;
        }
        struct topic_node *parent = node->parent;
        void *value = topic_node_value(node);
        if (value != NULL && release != NULL)
            release(value);
        mem_free(children);
        mem_free(node);
        node = parent;
    }
    tree->root = NULL;
}

void topic_tree_deinit(struct topic_tree *tree)
{
    topic_tree_deinit_values(tree, NULL);
}

void *topic_node_value(const struct topic_node *node)
{
    return atomic_load_explicit(&node->value, memory_order_acquire);
}

void topic_node_set_value(struct topic_node *node, void *value)
{
    atomic_store_explicit(&node->value, value, memory_order_release);
}

size_t topic_node_path(const struct topic_node *node, char *text, size_t size)
{
    if (node->parent == NULL)
        return 0;
    size_t length = node->level_length;
    for (const struct topic_node *step = node->parent; step->parent != NULL; step = step->parent)
        length += (size_t)step->level_length + 1;
    if (length > size)
        return length;
    size_t end = length;
    for (const struct topic_node *step = node; step->parent != NULL; step = step->parent) {
        end -= step->level_length;
        memcpy(text + end, step->level, step->level_length);
        if (step->parent->parent != NULL)
            text[--end] = '/';
    }
    return length;
}

struct topic_node *topic_tree_find(const struct topic_tree *tree, gmq_view path)
{
    struct topic_node *node = tree->root;
    size_t position = 0;
    gmq_view level;
    while (node != NULL && topic_next_level(path, &position, &level))
        node = node_child(node, level);
    return node;
}

/* Frees a chain that no reader has seen, from its last node up to (without) `anchor`. */
static void chain_free(struct topic_node *last, const struct topic_node *anchor)
{
    while (last != anchor) {
        struct topic_node *parent = last->parent;
        mem_free(topic_node_children(last));
        mem_free(last);
        last = parent;
    }
}

/* Hangs the rest of `path`, from `position` on, below `anchor`. The chain is built apart and shown when it is whole. */
static struct topic_node *chain_add(struct topic_node *anchor, gmq_view path, size_t position,
                                    struct grace_reader *reader)
{
    struct topic_node *first = NULL;
    struct topic_node *last = anchor;
    gmq_view level;
    while (topic_next_level(path, &position, &level)) {
        struct topic_node *node = node_new(last, level);
        if (node == NULL)
            goto fail;
        if (first == NULL)
            first = node;
        else if (!node_attach(node, reader)) {
            mem_free(node);
            goto fail;
        }
        last = node;
    }
    if (first == NULL || node_attach(first, reader))
        return last;
fail:
    chain_free(last, anchor);
    return NULL;
}

struct topic_node *topic_tree_add(struct topic_tree *tree, gmq_view path, struct grace_reader *reader)
{
    struct topic_node *node = tree->root;
    size_t position = 0;
    size_t next = 0;
    gmq_view level;
    while (topic_next_level(path, &next, &level)) {
        struct topic_node *child = node_child(node, level);
        if (child == NULL)
            break;
        node = child;
        position = next;
    }
    return chain_add(node, path, position, reader);
}

void topic_tree_prune(struct topic_tree *tree, struct topic_node *node, struct grace_reader *reader)
{
    while (node != tree->root && topic_node_value(node) == NULL && topic_node_children(node) == NULL) {
        struct topic_node *parent = node->parent;
        node_detach(node, reader);
        grace_retire(reader, &node->retired, node_release);
        node = parent;
    }
}
