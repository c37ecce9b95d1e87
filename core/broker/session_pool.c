/* Where a worker's sessions and the names of its clients lie. */
#include "broker/session_pool.h"

#include "base/memory.h"
#include "broker/session.h"

#include <string.h>

struct session_pool *session_pool_new(void)
{
    struct session_pool *pool = mem_alloc_zero(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool_init(&pool->sessions, sizeof(struct session));
    small_init(&pool->names);
    return pool;
}

void session_pool_free(struct session_pool *pool)
{
    if (pool == NULL)
        return;
    pool_deinit(&pool->sessions);
    small_deinit(&pool->names);
    mem_free(pool);
}

void session_pool_trim(struct session_pool *pool)
{
    pool_trim(&pool->sessions);
    small_trim(&pool->names);
}

struct session *session_pool_take(struct session_pool *pool)
{
    struct session *session = mem_is_out() ? NULL : pool_alloc(&pool->sessions);
    if (session != NULL)
        memset(session, 0, sizeof *session);
    return session;
}

void session_pool_give(struct session_pool *pool, struct session *session)
{
    pool_free(&pool->sessions, session);
}
