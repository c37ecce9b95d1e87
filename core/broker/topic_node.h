/* The layout of the tree's nodes, for the two files that read it: topic_tree.c, which changes them, and topic_walk.c,
 * which matches.
 *
 * There is a node for each level of each path, so every byte counts here. What only a node with children needs, the
 * wildcard children among it, is in the table of its children, so that a leaf doesn't pay for it. */
#ifndef BROKER_TOPIC_NODE_H
#define BROKER_TOPIC_NODE_H

#include "base/hash.h"
#include "broker/topic_tree.h"

struct topic_node {
    union {
        struct topic_node *parent; /* NULL: the root. For writers, and for those who know that the node is linked */
        struct limbo_link retired; /* once it isn't */
    };
    _Atomic(void *) value;
    _Atomic(uintptr_t) below; /* see topic_below */
    uint32_t level_hash;      /* never 0 */
    uint16_t level_length;
    char level[]; /* not terminated */
};

/* What hangs below a node: 0 nothing; with the lowest bit set the only child, whatever its level; else a table. Most
 * nodes have one child or none, and don't pay for a table. */
typedef uintptr_t topic_below;

/* Children by the hash of their level, open addressing with linear probing. Entries never move within a table: what
 * must move goes into a new table, which takes this one's place. So a reader always finds a child that stays.
 *
 * The hashes stand apart from the pointers, so that a search touches a child only when its hash is the right one. A
 * hash of 0 was never used and ends the search; a hash whose pointer is NULL belongs to a child that has gone, or that
 * has not quite come. Whoever reads a hash and then the pointer of a later child isn't deceived, as the text is
 * compared.
 *
 * A table doesn't grow past some thousand slots, so that no change takes long: beyond it there is a directory of such
 * tables, its segments, by the first bits of the hash (extendible hashing). A segment that is full is split in two, and
 * only when it is the one place of the directory that leads to it, the directory is doubled. */
struct topic_children {
    union {
        struct {             /* the writer's, until the table is retired */
            uint32_t live;   /* pointers that aren't NULL; of a directory: in all its segments */
            uint32_t filled; /* hashes that aren't 0 */
        };
        struct limbo_link retired;
    };
    _Atomic(struct topic_node *) plus; /* the level "+"; not in segments */
    _Atomic(struct topic_node *) hash; /* the level "#"; not in segments */
    uint32_t capacity;                 /* a power of two, or 0 */
    uint8_t bits; /* of a directory: its capacity's; of a segment: those that its children's hashes have in common */
    bool is_directory;
    _Atomic(void *) slots[]; /* nodes, or segments */
    /* and, but for a directory, capacity hashes */
};

static inline _Atomic uint32_t *topic_children_hashes(const struct topic_children *children)
{
    return (_Atomic uint32_t *)(void *)(children->slots + children->capacity);
}

static inline topic_below topic_node_below(const struct topic_node *node)
{
    return atomic_load_explicit(&node->below, memory_order_acquire);
}

/* The only child, or NULL. */
static inline struct topic_node *topic_below_single(topic_below below)
{
    return (below & 1) != 0 ? (struct topic_node *)(below - 1) : NULL;
}

/* The table, or NULL. */
static inline struct topic_children *topic_below_table(topic_below below)
{
    return (below & 1) == 0 ? (struct topic_children *)below : NULL;
}

static inline gmq_view topic_node_level(const struct topic_node *node)
{
    return gmq_view_make(node->level, node->level_length);
}

static inline bool topic_node_is(const struct topic_node *node, char wildcard)
{
    return node->level_length == 1 && node->level[0] == wildcard;
}

static inline struct topic_node *topic_below_plus(topic_below below)
{
    struct topic_node *single = topic_below_single(below);
    if (single != NULL)
        return topic_node_is(single, '+') ? single : NULL;
    const struct topic_children *table = topic_below_table(below);
    return table != NULL ? atomic_load_explicit(&table->plus, memory_order_acquire) : NULL;
}

static inline struct topic_node *topic_below_hash(topic_below below)
{
    struct topic_node *single = topic_below_single(below);
    if (single != NULL)
        return topic_node_is(single, '#') ? single : NULL;
    const struct topic_children *table = topic_below_table(below);
    return table != NULL ? atomic_load_explicit(&table->hash, memory_order_acquire) : NULL;
}

static inline struct topic_children *topic_directory_segment(const struct topic_children *directory, uint32_t index)
{
    return atomic_load_explicit(&directory->slots[index], memory_order_acquire);
}

static inline uint32_t topic_level_hash(gmq_view level)
{
    uint32_t hash = (uint32_t)hash_bytes(level.data, level.length);
    return hash != 0 ? hash : 1;
}

/* Reader. The child with this level, which is no wildcard, or NULL. */
struct topic_node *topic_below_find(topic_below below, gmq_view level);

#endif
