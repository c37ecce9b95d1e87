/* The search for the retained messages that a filter matches.
 *
 * A short one is done at once. A long one ("#" among a million topics) is cut into slices, one per round of the worker
 * and one search at a time; while it is under way, a reader of its own holds the grace periods back, so that what it
 * has found its way by stays. What a long one has collected is let go of in slices, too. */
#ifndef BROKER_RETAINED_SEARCH_H
#define BROKER_RETAINED_SEARCH_H

#include "broker/retained_run.h"

/* Fills the run, or begins to. False: memory is out; the run is to be discarded. */
bool retained_search_begin(struct retained_run *run, gmq_view filter);

/* Frees the run, whatever its state; it is in no session's list any more. */
void retained_search_discard(struct retained_run *run);

/* Part of the end of the turn. */
void retained_search_advance(struct shard *shard);
bool retained_search_is_busy(const struct shard *shard);

/* The end of the shard, after that of its sessions. */
void retained_search_deinit(struct shard *shard);

#endif
