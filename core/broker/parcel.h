/* Messages for sessions of another worker. What one turn has for a worker is put together in one piece of mail: a small
 * message is copied there, so that no memory is allocated, shared or freed for it across workers; a long one is
 * referenced. */
#ifndef BROKER_PARCEL_H
#define BROKER_PARCEL_H

#include "broker/delivery_target.h"

/* Puts the message and its targets, all of them that worker's, into the parcel for it. Mail that is posted later comes
 * later. False: memory is out. */
bool parcel_add(struct shard *shard, uint32_t worker, const struct target_list *list, struct publication *publication);

/* What is added from now on goes into another parcel: other mail for this worker comes in between, or the mail leaves.
 */
void parcel_seal(struct shard *shard, uint32_t worker);
void parcel_seal_all(struct shard *shard);

/* Frees those that were kept to be used again. */
void parcel_free_spare(struct shard *shard);

#endif
