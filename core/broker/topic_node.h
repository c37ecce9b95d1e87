/* The layout of the tree's nodes, for the two files that read it: topic_tree.c, which changes them, and topic_walk.c,
 * which matches.
 *
 * There is a node for each level of each path, so every byte counts here. What only a node with children needs, the
 * wildcard children among it, is in the table of its children, so that a leaf doesn't pay for it. */
#ifndef BROKER_TOPIC_NODE_H
#define BROKER_TOPIC_NODE_H

#include "base/hash.h"
#include "broker/topic_tree.h"

struct topic_children;

struct topic_node {
    struct topic_node *parent; /* NULL: the root. Stays as it was after the node is unlinked */
    _Atomic(void *) value;
    _Atomic(struct topic_children *) children; /* NULL: none */
    struct grace_retired retired;
    uint32_t level_hash; /* never 0 */
    uint16_t level_length;
    char level[]; /* not terminated */
};

/* Children by the hash of their level, open addressing with linear probing. Entries never move within a table: what
 * must move goes into a new table, which takes this one's place. So a reader always finds a child that stays.
 *
 * The hashes stand apart from the pointers, so that a search touches a child only when its hash is the right one. A
 * hash of 0 was never used and ends the search; a hash whose pointer is NULL belongs to a child that has gone, or that
 * has not quite come. Whoever reads a hash and then the pointer of a later child isn't deceived, as the text is
 * compared. */
struct topic_children {
    union {
        struct {             /* the writer's, until the table is retired */
            uint32_t live;   /* pointers that aren't NULL */
            uint32_t filled; /* hashes that aren't 0 */
        };
        struct grace_retired retired;
    };
    _Atomic(struct topic_node *) plus; /* the level "+" */
    _Atomic(struct topic_node *) hash; /* the level "#" */
    uint32_t capacity;                 /* a power of two, or 0 */
    _Atomic(struct topic_node *) slots[];
    /* and capacity hashes */
};

static inline _Atomic uint32_t *topic_children_hashes(const struct topic_children *children)
{
    return (_Atomic uint32_t *)(void *)(children->slots + children->capacity);
}

static inline struct topic_children *topic_node_children(const struct topic_node *node)
{
    return atomic_load_explicit(&node->children, memory_order_acquire);
}

static inline gmq_view topic_node_level(const struct topic_node *node)
{
    return gmq_view_make(node->level, node->level_length);
}

static inline uint32_t topic_level_hash(gmq_view level)
{
    uint32_t hash = (uint32_t)hash_bytes(level.data, level.length);
    return hash != 0 ? hash : 1;
}

/* Reader. The child with this level, wildcards in it meaning nothing. `children` may be NULL. */
struct topic_node *topic_children_find(const struct topic_children *children, gmq_view level);

#endif
