/* The one file that allocates. Every function can answer NULL; tests make it do so (see mem_fail_after). Any thread. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the first allocation: has the system's allocator keep some MiB that were freed, for each thread. By default it
 * gives the end of its memory back at once, so that a broker which forwards one long message after the other maps its
 * pages anew for each. */
void mem_settle(void);

/* `size` bytes, not cleared; NULL when memory is out. A size of 0 gives a valid pointer. */
void *mem_alloc(size_t size) __attribute__((warn_unused_result, malloc));

/* `count` times `size` cleared bytes; NULL when memory is out or the product overflows. */
void *mem_alloc_zero(size_t count, size_t size) __attribute__((warn_unused_result, malloc));

/* As mem_alloc, at an address that is a multiple of `alignment` (a power of two, at least sizeof(void *)). */
void *mem_alloc_aligned(size_t alignment, size_t size) __attribute__((warn_unused_result, malloc));

/* As mem_alloc_aligned, for blocks of many pages that come and go: from the system and back to it, past the allocator,
 * in which aligned blocks leave gaps that stay resident. Given back by mem_free_pages with the same size. */
void *mem_alloc_pages(size_t alignment, size_t size) __attribute__((warn_unused_result));
void mem_free_pages(void *block, size_t size);

/* As realloc; on NULL the old block is untouched. */
void *mem_realloc(void *block, size_t size) __attribute__((warn_unused_result));

/* A zero-terminated copy of `length` bytes. */
char *mem_copy_text(const char *text, size_t length) __attribute__((warn_unused_result, malloc));

/* NULL is allowed. */
void mem_free(void *block);

/* For allocators on top of this one: whether a test wants this allocation to fail. Counts as one; see mem_fail_after.
 */
bool mem_is_out(void);

/* For tests: the `count`-th allocation from now on fails, and only it (1 is the next one; 0 turns it off). Returns
 * whether the failure of the last setting has happened. Process-wide. */
int mem_fail_after(uint64_t count);

#endif
