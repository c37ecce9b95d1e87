/* A tree of topic levels that many threads read without a lock while one writes: the ground of the subscription index
 * (whose paths are filters) and of the retained messages (whose paths are topic names).
 *
 * Readers call within a loop turn of their worker (a grace period's reader) and may keep node pointers until their next
 * quiescent state. Writers hold the owner's lock, and retire what they unlink. */
#ifndef BROKER_TOPIC_TREE_H
#define BROKER_TOPIC_TREE_H

#include "base/grace.h"
#include "base/limbo.h"
#include "base/small.h"

#include <graftmq/types.h>
#include <stdatomic.h>

struct topic_node;

/* The owner's blocks may come from the tree's pools, and what he unlinks of them may wait for the tree's grace periods:
 * they are all under the same lock. */
struct topic_tree {
    struct topic_node *root;
    struct small small;
    struct limbo limbo; /* the owner's kinds begin with TOPIC_TREE_KINDS */
    limbo_release *release;
    void *owner;
};

enum { TOPIC_TREE_KINDS = 2 };

bool topic_tree_init(struct topic_tree *tree); /* false: memory is out */

/* What the owner retired is released by this. */
void topic_tree_set_release(struct topic_tree *tree, limbo_release *release, void *owner);

void topic_tree_deinit(
    struct topic_tree *tree); /* no readers any more; values must have been removed or don't matter */

/* The same, and calls `release` with each value, the first argument being the owner. */
typedef void topic_value_release(void *owner, void *value);
void topic_tree_deinit_values(struct topic_tree *tree, topic_value_release *release);

/* Writer. Frees up to `most` objects whose grace period is over; adding and pruning do a little of it themselves.
 * Returns whether some still wait. */
bool topic_tree_collect(struct topic_tree *tree, struct grace_reader *reader, uint32_t most);

/* Writer. Gives memory back that was not needed since the last call. */
void topic_tree_trim(struct topic_tree *tree);

/* What hangs at a node; NULL for nodes that are only on the way. */
void *topic_node_value(const struct topic_node *node);           /* reader: acquire */
void topic_node_set_value(struct topic_node *node, void *value); /* writer: release */

/* The whole path of a node as text, written to `text` if it fits; returns its length. Writer, or who knows that the
 * node has a value and keeps it. */
size_t topic_node_path(const struct topic_node *node, char *text, size_t size);

/* Reader. The node with exactly this path, wildcards taken literally; NULL if there is none. */
struct topic_node *topic_tree_find(const struct topic_tree *tree, gmq_view path);

/* Writer. The node with this path, made if needed; NULL: memory is out (nothing changed). */
struct topic_node *topic_tree_add(struct topic_tree *tree, gmq_view path, struct grace_reader *reader);

/* Writer. Unlinks the node, and those above it, as far as they have neither value nor children. */
void topic_tree_prune(struct topic_tree *tree, struct topic_node *node, struct grace_reader *reader);

/* Room that a walk needs; grows as needed and is kept by its worker. All zero is valid. */
struct topic_walk {
    struct topic_step *steps;
    size_t capacity;
    size_t count;  /* steps that a match left to be done when it was cut */
    uint32_t most; /* so many children a match of a filter looks at; 0: all */
    bool is_cut;   /* set by a match of a filter: there were more */
};
void topic_walk_deinit(struct topic_walk *walk);

/* Reader. Calls `visit` with each node that has a value and whose path, as a filter, matches the topic name. (Tree of
 * filters.) False: memory is out, not all were visited. */
typedef void topic_visit(struct topic_node *node, void *data);
bool topic_tree_match_topic(const struct topic_tree *tree, gmq_view topic, struct topic_walk *walk, topic_visit *visit,
                            void *data);

/* Reader. Calls `visit` with each node that has a value and whose path, as a topic name, is matched by the filter.
 * (Tree of names.) False: as above, or walk->is_cut. */
bool topic_tree_match_filter(const struct topic_tree *tree, gmq_view filter, struct topic_walk *walk,
                             topic_visit *visit, void *data);

/* Goes on with a match that was cut, with the same walk and filter, without a quiescent state since then. What the
 * tree lost or gained meanwhile may be visited or not; all the rest is, once. */
bool topic_tree_match_more(const struct topic_tree *tree, gmq_view filter, struct topic_walk *walk, topic_visit *visit,
                           void *data);

#endif
