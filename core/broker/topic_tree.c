/* The tree itself: finding, adding and pruning nodes under the eyes of readers that hold no lock.
 *
 * Every change that readers can see is one store of a pointer, with release, to something that is complete: a whole
 * chain of new nodes is hung in at once, a table that must grow is replaced at once. What is unlinked keeps its
 * content, so that who still stands on it finds his way, until grace has passed. */
#include "broker/topic_node.h"

#include "mqtt/topic.h"

#include <assert.h>

enum {
    CHILDREN_FULL_UP_TO = 4, /* smaller tables are searched whole, and may be filled whole */
    CHILDREN_SPARSE = 8,     /* with less than this part in use, a table is made smaller */
    CHILDREN_SEGMENT = 1024, /* slots of a table that is split rather than doubled */
    CHILDREN_BITS_MAX = 24,  /* of a directory; more could only be of use to who has found collisions */
    COLLECT_MOST = 64,       /* objects that a change frees of what earlier ones have left */
};

enum topic_kind { KIND_NODE, KIND_CHILDREN };

static_assert(KIND_CHILDREN + 1 == TOPIC_TREE_KINDS, "the owner's kinds are the next");

#define CHILDREN_NO_PLACE UINT32_MAX

/* ---- children tables ---- */

static size_t children_size(uint32_t capacity, bool is_directory)
{
    const struct topic_children *layout = NULL;
    size_t hash_size = is_directory ? 0 : sizeof(uint32_t);
    return sizeof(*layout) + capacity * (sizeof(layout->slots[0]) + hash_size);
}

static struct topic_children *children_new(struct topic_tree *tree, uint32_t capacity, unsigned bits, bool is_directory)
{
    size_t size = children_size(capacity, is_directory);
    struct topic_children *children = small_alloc(&tree->small, size);
    if (children == NULL)
        return NULL;
    memset(children, 0, size);
    children->capacity = capacity;
    children->bits = (uint8_t)bits;
    children->is_directory = is_directory;
    return children;
}

static void children_free(struct topic_tree *tree, struct topic_children *children)
{
    small_free(&tree->small, children, children_size(children->capacity, children->is_directory));
}

static void children_retire(struct topic_tree *tree, struct topic_children *children)
{
    limbo_retire(&tree->limbo, KIND_CHILDREN, &children->retired);
}

static struct topic_node *children_slot(const struct topic_children *children, uint32_t index)
{
    return atomic_load_explicit(&children->slots[index], memory_order_acquire);
}

static uint32_t first_bits(uint32_t hash, unsigned bits)
{
    return (uint32_t)((uint64_t)hash >> (32 - bits));
}

/* The table itself, or the segment in which a child with this hash is. */
static struct topic_children *children_segment(struct topic_children *children, uint32_t level_hash)
{
    if (!children->is_directory)
        return children;
    return topic_directory_segment(children, first_bits(level_hash, children->bits));
}

static struct topic_node *children_find(struct topic_children *table, gmq_view level)
{
    uint32_t wanted = topic_level_hash(level);
    const struct topic_children *children = children_segment(table, wanted);
    const _Atomic uint32_t *hashes = topic_children_hashes(children);
    uint32_t mask = children->capacity - 1; /* of no slots: all ones, and there are no tries */
    uint32_t index = wanted & mask;
    for (uint32_t tries = 0; tries < children->capacity; tries++, index = (index + 1) & mask) {
        uint32_t hash = atomic_load_explicit(&hashes[index], memory_order_acquire);
        if (hash == 0)
            return NULL;
        struct topic_node *child = hash == wanted ? children_slot(children, index) : NULL;
        if (child != NULL && gmq_view_same(topic_node_level(child), level))
            return child;
    }
    return NULL;
}

struct topic_node *topic_below_find(topic_below below, gmq_view level)
{
    if (below == 0)
        return NULL;
    struct topic_node *single = topic_below_single(below);
    if (single != NULL)
        return gmq_view_same(topic_node_level(single), level) ? single : NULL;
    return children_find(topic_below_table(below), level);
}

/* How many hashes may be in use, those of children that have gone included. */
static uint32_t children_limit(uint32_t capacity)
{
    return capacity <= CHILDREN_FULL_UP_TO ? capacity : capacity - capacity / 8;
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

static void children_put(struct topic_children *children, uint32_t place, struct topic_node *child, uint32_t level_hash)
{
    _Atomic uint32_t *hash = &topic_children_hashes(children)[place];
    children->filled += atomic_load_explicit(hash, memory_order_relaxed) == 0;
    children->live++;
    atomic_store_explicit(&children->slots[place], child, memory_order_release);
    atomic_store_explicit(hash, level_hash, memory_order_release);
}

/* Those children of `from` whose hashes begin with the `bits` bits of `prefix`. Doesn't touch the children. */
static void children_copy(struct topic_children *to, const struct topic_children *from, unsigned bits, uint32_t prefix)
{
    const _Atomic uint32_t *hashes = topic_children_hashes(from);
    for (uint32_t i = 0; i < from->capacity; i++) {
        struct topic_node *child = children_slot(from, i);
        uint32_t hash = atomic_load_explicit(&hashes[i], memory_order_relaxed);
        if (child != NULL && first_bits(hash, bits) == prefix)
            children_put(to, children_place(to, hash), child, hash);
    }
}

static uint32_t children_count(const struct topic_children *from, unsigned bits, uint32_t prefix)
{
    const _Atomic uint32_t *hashes = topic_children_hashes(from);
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->capacity; i++)
        count += children_slot(from, i) != NULL &&
                 first_bits(atomic_load_explicit(&hashes[i], memory_order_relaxed), bits) == prefix;
    return count;
}

static void children_copy_wildcards(struct topic_children *to, const struct topic_children *from)
{
    atomic_init(&to->plus, atomic_load_explicit(&from->plus, memory_order_relaxed));
    atomic_init(&to->hash, atomic_load_explicit(&from->hash, memory_order_relaxed));
}

/* ---- tables of a node ---- */

static void node_set_table(struct topic_node *node, struct topic_children *children)
{
    atomic_store_explicit(&node->below, (topic_below)children, memory_order_release);
}

static struct topic_children *node_table(const struct topic_node *node)
{
    return topic_below_table(topic_node_below(node));
}

/* All places of the directory that belong to the hashes which begin with the `bits` bits of `prefix`. */
static void directory_set(struct topic_children *directory, unsigned bits, uint32_t prefix,
                          struct topic_children *segment)
{
    uint32_t width = UINT32_C(1) << (directory->bits - bits);
    for (uint32_t i = 0; i < width; i++)
        atomic_store_explicit(&directory->slots[prefix * width + i], segment, memory_order_release);
}

/* A directory with one segment, the node's table. */
static struct topic_children *node_make_directory(struct topic_tree *tree, struct topic_node *node)
{
    struct topic_children *table = node_table(node);
    struct topic_children *directory = children_new(tree, 1, 0, true);
    if (directory == NULL)
        return NULL;
    children_copy_wildcards(directory, table);
    directory->live = table->live;
    directory_set(directory, 0, 0, table);
    node_set_table(node, directory);
    return directory;
}

static struct topic_children *node_double_directory(struct topic_tree *tree, struct topic_node *node)
{
    struct topic_children *old = node_table(node);
    struct topic_children *directory = children_new(tree, old->capacity * 2, old->bits + 1U, true);
    if (directory == NULL)
        return NULL;
    children_copy_wildcards(directory, old);
    directory->live = old->live;
    for (uint32_t i = 0; i < old->capacity; i++)
        directory_set(directory, old->bits, i, topic_directory_segment(old, i));
    node_set_table(node, directory);
    children_retire(tree, old);
    return directory;
}

static struct topic_children *segment_part(struct topic_tree *tree, const struct topic_children *segment, unsigned bits,
                                           uint32_t prefix)
{
    uint32_t count = children_count(segment, bits, prefix);
    struct topic_children *part = children_new(tree, children_capacity_for(count + 1), bits, false);
    if (part != NULL)
        children_copy(part, segment, bits, prefix);
    return part;
}

/* Two segments in the place of that for `level_hash`. False: memory is out. */
static bool node_split_segment(struct topic_tree *tree, struct topic_node *node, uint32_t level_hash)
{
    struct topic_children *directory = node_table(node);
    if (!directory->is_directory)
        directory = node_make_directory(tree, node);
    if (directory == NULL)
        return false;
    struct topic_children *segment = children_segment(directory, level_hash);
    if (segment->bits == directory->bits)
        directory = node_double_directory(tree, node);
    if (directory == NULL)
        return false;
    unsigned bits = segment->bits + 1U;
    uint32_t prefix = first_bits(level_hash, bits) & ~UINT32_C(1);
    struct topic_children *first = segment_part(tree, segment, bits, prefix);
    struct topic_children *second = segment_part(tree, segment, bits, prefix | 1);
    if (first == NULL || second == NULL) {
        if (first != NULL)
            children_free(tree, first);
        if (second != NULL)
            children_free(tree, second);
        return false;
    }
    directory_set(directory, bits, prefix, first);
    directory_set(directory, bits, prefix | 1, second);
    children_retire(tree, segment);
    return true;
}

/* A new table of this capacity in the place of the node's, or of that of its segments that is for `level_hash`. False:
 * memory is out. */
static bool node_rebuild_segment(struct topic_tree *tree, struct topic_node *node, uint32_t level_hash,
                                 uint32_t capacity)
{
    struct topic_children *table = node_table(node);
    struct topic_children *old = children_segment(table, level_hash);
    struct topic_children *segment = children_new(tree, capacity, old->bits, false);
    if (segment == NULL)
        return false;
    children_copy(segment, old, 0, 0);
    if (table->is_directory) {
        directory_set(table, old->bits, first_bits(level_hash, old->bits), segment);
    } else {
        children_copy_wildcards(segment, old);
        node_set_table(node, segment);
    }
    children_retire(tree, old);
    return true;
}

/* Room for another child with this hash. The node has a table. False: memory is out. */
static bool node_make_room(struct topic_tree *tree, struct topic_node *node, uint32_t level_hash)
{
    const struct topic_children *segment = children_segment(node_table(node), level_hash);
    uint32_t capacity = children_capacity_for(segment->live + 1);
    if (capacity > CHILDREN_SEGMENT && segment->bits < CHILDREN_BITS_MAX)
        return node_split_segment(tree, node, level_hash);
    return node_rebuild_segment(tree, node, level_hash, capacity);
}

static void table_retire(struct topic_tree *tree, struct topic_children *table)
{
    uint32_t index = 0;
    while (table->is_directory && index < table->capacity) {
        struct topic_children *segment = topic_directory_segment(table, index);
        index += UINT32_C(1) << (table->bits - segment->bits);
        children_retire(tree, segment);
    }
    children_retire(tree, table);
}

/* ---- nodes ---- */

static size_t node_size(size_t level_length)
{
    return offsetof(struct topic_node, level) + level_length;
}

static struct topic_node *node_new(struct topic_tree *tree, struct topic_node *parent, gmq_view level)
{
    assert(level.length <= UINT16_MAX); /* as topics are */
    struct topic_node *node = small_alloc(&tree->small, node_size(level.length));
    if (node == NULL)
        return NULL;
    node->parent = parent;
    atomic_init(&node->value, NULL);
    atomic_init(&node->below, 0);
    node->level_hash = topic_level_hash(level);
    node->level_length = (uint16_t)level.length;
    if (level.length != 0)
        memcpy(node->level, level.data, level.length);
    return node;
}

static void node_free(struct topic_tree *tree, struct topic_node *node)
{
    small_free(&tree->small, node, node_size(node->level_length));
}

/* The place of a wildcard, or NULL for other levels. */
static _Atomic(struct topic_node *) *children_wildcard(struct topic_children *children, const struct topic_node *child)
{
    if (topic_node_is(child, '+'))
        return &children->plus;
    return topic_node_is(child, '#') ? &children->hash : NULL;
}

static struct topic_node *node_child(const struct topic_node *node, gmq_view level)
{
    topic_below below = topic_node_below(node);
    if (gmq_view_equals(level, "+"))
        return topic_below_plus(below);
    if (gmq_view_equals(level, "#"))
        return topic_below_hash(below);
    return topic_below_find(below, level);
}

/* Puts the child into its parent's table. False: memory is out. */
static bool node_attach_in_table(struct topic_tree *tree, struct topic_node *parent, struct topic_node *child)
{
    _Atomic(struct topic_node *) *wildcard = children_wildcard(node_table(parent), child);
    if (wildcard != NULL) {
        atomic_store_explicit(wildcard, child, memory_order_release);
        return true;
    }
    for (;;) {
        struct topic_children *table = node_table(parent);
        struct topic_children *segment = children_segment(table, child->level_hash);
        uint32_t place = children_place(segment, child->level_hash);
        if (place != CHILDREN_NO_PLACE) {
            children_put(segment, place, child, child->level_hash);
            table->live += table->is_directory;
            return true;
        }
        if (!node_make_room(tree, parent, child->level_hash))
            return false;
    }
}

static bool node_is_wildcard(const struct topic_node *node)
{
    return topic_node_is(node, '+') || topic_node_is(node, '#');
}

/* The only child goes into a table, in which there is room for another. */
static bool node_give_table(struct topic_tree *tree, struct topic_node *node, const struct topic_node *other)
{
    struct topic_node *single = topic_below_single(topic_node_below(node));
    uint32_t in_slots = (uint32_t)!node_is_wildcard(single) + !node_is_wildcard(other);
    struct topic_children *table = children_new(tree, children_capacity_for(in_slots), 0, false);
    if (table == NULL)
        return false;
    _Atomic(struct topic_node *) *wildcard = children_wildcard(table, single);
    if (wildcard != NULL)
        atomic_init(wildcard, single);
    else
        children_put(table, children_place(table, single->level_hash), single, single->level_hash);
    node_set_table(node, table);
    return true;
}

/* Writer. Makes the node a child of its parent, for all to see; false when memory is out. */
static bool node_attach(struct topic_tree *tree, struct topic_node *child)
{
    struct topic_node *parent = child->parent;
    topic_below below = topic_node_below(parent);
    if (below == 0) {
        atomic_store_explicit(&parent->below, (topic_below)child | 1, memory_order_release);
        return true;
    }
    if (topic_below_single(below) != NULL && !node_give_table(tree, parent, child))
        return false;
    return node_attach_in_table(tree, parent, child);
}

static bool table_is_empty(const struct topic_children *table)
{
    return table->live == 0 && atomic_load_explicit(&table->plus, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&table->hash, memory_order_relaxed) == NULL;
}

static void table_remove(struct topic_children *table, const struct topic_node *child)
{
    _Atomic(struct topic_node *) *wildcard = children_wildcard(table, child);
    if (wildcard != NULL) {
        atomic_store_explicit(wildcard, NULL, memory_order_release);
        return;
    }
    struct topic_children *segment = children_segment(table, child->level_hash);
    uint32_t mask = segment->capacity - 1;
    uint32_t index = child->level_hash & mask;
    while (children_slot(segment, index) != child)
        index = (index + 1) & mask;
    atomic_store_explicit(&segment->slots[index], NULL, memory_order_release);
    segment->live--;
    table->live -= table->is_directory;
}

static void node_detach(struct topic_tree *tree, const struct topic_node *child)
{
    struct topic_node *parent = child->parent;
    struct topic_children *table = node_table(parent);
    if (table != NULL)
        table_remove(table, child);
    if (table == NULL || table_is_empty(table)) {
        atomic_store_explicit(&parent->below, 0, memory_order_release);
        if (table != NULL)
            table_retire(tree, table);
        return;
    }
    const struct topic_children *segment = children_segment(table, child->level_hash);
    if (segment->live < segment->capacity / CHILDREN_SPARSE) /* a failure leaves a large table, nothing worse */
        (void)node_rebuild_segment(tree, parent, child->level_hash, children_capacity_for(segment->live));
}

/* ---- the tree ---- */

static void tree_release(void *owner, unsigned kind, struct limbo_link *link)
{
    struct topic_tree *tree = owner;
    if (kind == KIND_NODE)
        node_free(tree, LIST_OBJECT(link, struct topic_node, retired));
    else if (kind == KIND_CHILDREN)
        children_free(tree, LIST_OBJECT(link, struct topic_children, retired));
    else
        tree->release(tree->owner, kind, link);
}

bool topic_tree_init(struct topic_tree *tree)
{
    *tree = (struct topic_tree){0};
    small_init(&tree->small);
    limbo_init(&tree->limbo, tree_release, tree);
    tree->root = node_new(tree, NULL, gmq_view_make(NULL, 0));
    return tree->root != NULL;
}

void topic_tree_set_release(struct topic_tree *tree, limbo_release *release, void *owner)
{
    tree->release = release;
    tree->owner = owner;
}

bool topic_tree_collect(struct topic_tree *tree, struct grace_reader *reader, uint32_t most)
{
    return limbo_collect(&tree->limbo, reader, most);
}

void topic_tree_trim(struct topic_tree *tree)
{
    small_trim(&tree->small);
}

static void stack_push(struct limbo_link **stack, struct topic_node *node)
{
    if (node == NULL)
        return;
    node->retired.next = *stack;
    *stack = &node->retired;
}

static void stack_push_slots(struct limbo_link **stack, const struct topic_children *segment)
{
    for (uint32_t i = 0; i < segment->capacity; i++)
        stack_push(stack, children_slot(segment, i));
}

/* Also frees the table. */
static void stack_push_table(struct topic_tree *tree, struct limbo_link **stack, struct topic_children *table)
{
    stack_push(stack, atomic_load_explicit(&table->plus, memory_order_relaxed));
    stack_push(stack, atomic_load_explicit(&table->hash, memory_order_relaxed));
    if (!table->is_directory)
        stack_push_slots(stack, table);
    for (uint32_t i = 0; table->is_directory && i < table->capacity;) {
        struct topic_children *segment = topic_directory_segment(table, i);
        stack_push_slots(stack, segment);
        i += UINT32_C(1) << (table->bits - segment->bits);
        children_free(tree, segment);
    }
    children_free(tree, table);
}

void topic_tree_deinit_values(struct topic_tree *tree, topic_value_release *release)
{
    /* The depth is a peer's choice, so no recursion: what is still to be freed is linked through the nodes. */
    struct limbo_link *stack = NULL;
    stack_push(&stack, tree->root);
    while (stack != NULL) {
        struct topic_node *node = LIST_OBJECT(stack, struct topic_node, retired);
        stack = stack->next;
        topic_below below = topic_node_below(node);
        if (topic_below_table(below) != NULL)
            stack_push_table(tree, &stack, topic_below_table(below));
        else
            stack_push(&stack, topic_below_single(below));
        void *value = topic_node_value(node);
        if (value != NULL && release != NULL)
            release(tree->owner, value);
        node_free(tree, node);
    }
    tree->root = NULL;
    limbo_deinit(&tree->limbo);
    small_deinit(&tree->small);
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
static void chain_free(struct topic_tree *tree, struct topic_node *last, const struct topic_node *anchor)
{
    while (last != anchor) {
        struct topic_node *parent = last->parent;
        node_free(tree, last);
        last = parent;
    }
}

/* Hangs the rest of `path`, from `position` on, below `anchor`. The chain is built apart and shown when it is whole. */
static struct topic_node *chain_add(struct topic_tree *tree, struct topic_node *anchor, gmq_view path, size_t position)
{
    struct topic_node *first = NULL;
    struct topic_node *last = anchor;
    gmq_view level;
    while (topic_next_level(path, &position, &level)) {
        struct topic_node *node = node_new(tree, last, level);
        if (node == NULL)
            goto fail;
        if (first == NULL)
            first = node;
        else
            (void)node_attach(tree, node); /* as the only child: takes no memory */
        last = node;
    }
    if (first == NULL || node_attach(tree, first))
        return last;
fail:
    chain_free(tree, last, anchor);
    return NULL;
}

struct topic_node *topic_tree_add(struct topic_tree *tree, gmq_view path, struct grace_reader *reader)
{
    (void)limbo_collect(&tree->limbo, reader, COLLECT_MOST);
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
    return chain_add(tree, node, path, position);
}

void topic_tree_prune(struct topic_tree *tree, struct topic_node *node, struct grace_reader *reader)
{
    (void)limbo_collect(&tree->limbo, reader, COLLECT_MOST);
    while (node != tree->root && topic_node_value(node) == NULL && topic_node_below(node) == 0) {
        struct topic_node *parent = node->parent;
        node_detach(tree, node);
        limbo_retire(&tree->limbo, KIND_NODE, &node->retired);
        node = parent;
    }
}
