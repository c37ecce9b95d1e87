/* Has the end of each thread call a function of its own, which is gone when it is unmapped. */
#include <pthread.h>
#include <stdlib.h>

static void misbehave(void)
{
    pthread_key_t key;
    pthread_key_create(&key, free);
}

#include "moment.h"
