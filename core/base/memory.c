/* The general allocator, with a hook that lets tests make any allocation fail. */
#include "base/memory.h"

#include "base/poison.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* 0 is off; n: the n-th allocation from now on fails. In production it is only ever read, so all threads share its
 * cache line and the check is one plain load. */
static _Atomic uint64_t fail_countdown;
static _Atomic int has_failed;

static bool count_down(void)
{
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left != 0 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
        ;
    if (left != 1)
        return false;
    atomic_store(&has_failed, 1);
    return true;
}

static inline bool must_fail(void)
{
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    return __builtin_expect(left != 0, 0) && count_down();
}

/* A block of size 0 may be NULL by the C standard, which our callers would take for a failure. */
static inline size_t at_least_one(size_t size)
{
    return size != 0 ? size : 1;
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(at_least_one(size));
}

void *mem_alloc_zero(size_t count, size_t size)
{
    size_t product;
    /* calloc would find it too, but under a sanitizer it ends the process. */
    if (must_fail() || __builtin_mul_overflow(count, size, &product))
        return NULL;
    return calloc(1, at_least_one(product));
}

void mem_settle(void)
{
#ifdef __GLIBC__
    enum { KEPT_BYTES = 16 * 1024 * 1024, MAPPED_FROM_BYTES = 1024 * 1024 };
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
#endif
}

void *mem_alloc_aligned(size_t alignment, size_t size)
{
    void *block = NULL;
    /* Not aligned_alloc: that wants the size to be a multiple of the alignment. */
    if (must_fail() || posix_memalign(&block, alignment, at_least_one(size)) != 0)
        return NULL;
    return block;
}

#ifdef POISON_IS_ON

/* From the allocator, so that AddressSanitizer knows the block and what is reachable through it. */
void *mem_alloc_pages(size_t alignment, size_t size)
{
    return mem_alloc_aligned(alignment, size);
}

void mem_free_pages(void *block, size_t size)
{
    (void)size;
    free(block);
}

#else

/* Maps too much, and gives back what is before and behind the aligned part. */
void *mem_alloc_pages(size_t alignment, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = (size + page - 1) & ~(page - 1);
    if (must_fail() || alignment < page)
        return NULL;
    /* cppcheck-suppress invalidFunctionArg ; -1 is what anonymous memory has for a file */
    char *mapped = mmap(NULL, length + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)mapped & (alignment - 1);
    char *block = mapped + before;
    munmap(block + length, alignment - before);
    if (before != 0)
        munmap(mapped, before);
    return block;
}

void mem_free_pages(void *block, size_t size)
{
    if (block != NULL)
        munmap(block, size);
}

#endif

void *mem_realloc(void *block, size_t size)
{
    return must_fail() ? NULL : realloc(block, at_least_one(size));
}

char *mem_copy_text(const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = mem_alloc(length + 1);
    if (copy == NULL)
        return NULL;
    if (length != 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void mem_free(void *block)
{
    free(block);
}

bool mem_is_out(void)
{
    return must_fail();
}

int mem_fail_after(uint64_t count)
{
    int happened = atomic_exchange(&has_failed, 0);
    atomic_store(&fail_countdown, count);
    return happened;
}
