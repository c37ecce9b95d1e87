/* What the command line says. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdint.h>

struct options {
    const char *what;    /* the first word: what to measure */
    const char *pattern; /* of traffic */
    const char *processes;
    uint32_t port;
    uint32_t version; /* 4 or 5 */
    uint32_t qos;
    uint32_t payload;
    uint32_t publishers;
    uint32_t subscribers;
    uint32_t filters;
    uint32_t window;  /* messages of a publisher on their way; 0: as many as make 8,192 copies in all */
    uint32_t rate;    /* messages per second of all publishers; 0: as fast as the window allows */
    uint32_t warm_ms; /* before measuring */
    uint32_t time_ms; /* measured */
    uint32_t count;   /* of things to hold */
};

#endif
