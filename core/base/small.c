/* Small blocks from pools by size. */
#include "base/small.h"

#include "base/memory.h"

void small_init(struct small *small)
{
    for (size_t i = 0; i < SMALL_POOLS; i++)
        pool_init(&small->pools[i], (i + 1) * SMALL_STEP);
}

void small_deinit(struct small *small)
{
    for (size_t i = 0; i < SMALL_POOLS; i++)
        pool_deinit(&small->pools[i]);
}

void small_trim(struct small *small)
{
    for (size_t i = 0; i < SMALL_POOLS; i++)
        pool_trim(&small->pools[i]);
}

static struct pool *small_pool(struct small *small, size_t size)
{
    return &small->pools[size != 0 ? (size - 1) / SMALL_STEP : 0];
}

void *small_alloc(struct small *small, size_t size)
{
    if (size > SMALL_LARGEST)
        return mem_alloc(size);
    return mem_is_out() ? NULL : pool_alloc(small_pool(small, size));
}

void small_free(struct small *small, void *block, size_t size)
{
    if (size > SMALL_LARGEST)
        mem_free(block);
    else if (block != NULL)
        pool_free(small_pool(small, size), block);
}
