/* Waits for a lock that it holds itself. */
#include <pthread.h>

static void misbehave(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

#include "moment.h"
