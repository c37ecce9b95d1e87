/* Starts a thread that nobody ends. */
#include <pthread.h>
#include <unistd.h>

static void *idle(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

static void misbehave(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, idle, NULL);
}

#include "moment.h"
