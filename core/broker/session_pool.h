/* Where a worker's sessions and the names of its clients lie: blocks that come and go by the ten thousand, and whose
 * memory is to be given back when they have gone. The general allocator gives back only what is at its end.
 *
 * The worker's thread; once it has ended, whoever collects what it left in the grace periods. So a pool belongs to the
 * broker, and outlives its worker. */
#ifndef BROKER_SESSION_POOL_H
#define BROKER_SESSION_POOL_H

#include "base/small.h"

struct session;

struct session_pool {
    struct pool sessions;
    struct small names;
};

struct session_pool *session_pool_new(void);                  /* NULL: memory is out */
void session_pool_free(struct session_pool *pool);            /* everything has been given back; NULL is allowed */
void session_pool_trim(struct session_pool *pool);            /* as pool_trim */
struct session *session_pool_take(struct session_pool *pool); /* cleared; NULL: memory is out */
void session_pool_give(struct session_pool *pool, struct session *session);

#endif
