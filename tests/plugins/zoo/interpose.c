/* Exports names of the C library's, of the broker's and of libev's, each as a function that crashes. */
#include "zoo.h"

#define CRASHES(name)                                                                                                  \
    GMQ_EXPORT void name(void);                                                                                        \
    void name(void)                                                                                                    \
    {                                                                                                                  \
        __builtin_trap();                                                                                              \
    }

CRASHES(graftmq_zoo_own)
CRASHES(ev_run)
CRASHES(config_parse)
CRASHES(generation_new)
CRASHES(pthread_mutex_lock)
CRASHES(epoll_wait)

ZOO(NULL, NULL);
