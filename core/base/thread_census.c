/* Counts threads that the broker didn't start. */
#include "base/thread_census.h"

#include <dirent.h>
#include <stdatomic.h>
#include <time.h>

enum { CENSUS_ROUNDS = 50, CENSUS_PAUSE_NS = 2000000 };

static atomic_int own = 1; /* the first thread */

void thread_census_add(int change)
{
    atomic_fetch_add(&own, change);
}

int thread_census_foreign(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return 0;
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(tasks)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    int foreign = count - atomic_load(&own);
    return foreign > 0 ? foreign : 0;
}

int thread_census_foreign_settled(int expected)
{
    const struct timespec pause = {.tv_nsec = CENSUS_PAUSE_NS};
    int foreign = thread_census_foreign();
    for (int round = 0; foreign > expected && round < CENSUS_ROUNDS; round++) {
        nanosleep(&pause, NULL);
        foreign = thread_census_foreign();
    }
    return foreign;
}
