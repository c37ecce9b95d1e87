/* Counts threads that the broker didn't start: a plugin whose thread may still run must not be unmapped. Any thread. */
#ifndef BASE_THREAD_CENSUS_H
#define BASE_THREAD_CENSUS_H

/* The broker has started (+1) or joined (-1) a thread of its own. */
void thread_census_add(int change);

/* Threads of this process that are neither the first one nor counted above; 0 where the system doesn't tell. */
int thread_census_foreign(void);

/* The same, but threads get a moment to be gone: one that was joined may be listed for a little longer. Returns as soon
 * as there are no more than `expected`. Blocks for up to 100 ms. */
int thread_census_foreign_settled(int expected);

#endif
