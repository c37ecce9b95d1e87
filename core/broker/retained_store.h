/* The retained messages of the whole broker: read by all workers without a lock, one writer at a time. */
#ifndef BROKER_RETAINED_STORE_H
#define BROKER_RETAINED_STORE_H

#include "base/grace.h"
#include "broker/message.h"
#include "broker/topic_tree.h"

struct retained_store;

struct retained_store *retained_store_new(void);
void retained_store_free(struct retained_store *store); /* no readers any more */

/* Stores `message` (a reference is taken) for its topic, replacing what was there; with an empty payload removes that.
 * GMQ_ERROR_LIMIT if it would be a further topic and `limit` is reached. Any worker. */
gmq_status retained_store_put(struct retained_store *store, struct grace_reader *reader, struct message *message,
                              uint64_t limit);

/* Calls `visit` with each message whose topic is matched by `filter`; a reference may be taken within. Not in any
 * order. Expired ones are left out. False: memory is out, not all were visited; or the walk was cut (walk->is_cut). */
typedef void retained_visit(struct message *message, void *data);
bool retained_store_match(struct retained_store *store, gmq_view filter, uint64_t now_ns, struct topic_walk *walk,
                          retained_visit *visit, void *data);

/* Goes on with one that was cut; see topic_tree_match_more. */
bool retained_store_match_more(struct retained_store *store, gmq_view filter, uint64_t now_ns, struct topic_walk *walk,
                               retained_visit *visit, void *data);

uint64_t retained_store_count(const struct retained_store *store);

/* Removes expired messages, looking at no more than `most` of those that can expire, and gives memory back that as many
 * others have left; to be called once in a while by one worker. */
void retained_store_sweep(struct retained_store *store, struct grace_reader *reader, uint64_t now_ns, uint32_t most);

#endif
