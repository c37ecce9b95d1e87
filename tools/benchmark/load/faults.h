/* What a broker has done that it may not do. */
#ifndef LOAD_FAULTS_H
#define LOAD_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_LOST,
    FAULT_DOUBLED,
    FAULT_REORDERED,
    FAULT_DAMAGED,    /* not the bytes that were sent */
    FAULT_MISROUTED,  /* to somebody who hadn't asked for it */
    FAULT_REFUSED,    /* a CONNECT, SUBSCRIBE or PUBLISH that is right */
    FAULT_UNANSWERED, /* a PUBLISH without the acknowledgement that its QoS demands */
    FAULT_UNEXPECTED, /* a packet that answers nothing */
    FAULT_CLOSED,     /* a connection that we had not ended */
    FAULT_COUNT
};

/* All zero: none. */
struct faults {
    uint64_t count[FAULT_COUNT];
    char first[160]; /* the first one in words */
};

void faults_add(struct faults *faults, enum fault fault, uint64_t count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool faults_any(const struct faults *faults);
const char *fault_name(enum fault fault);

#endif
