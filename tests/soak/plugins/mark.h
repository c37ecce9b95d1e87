/* What the plugin mark.c writes into a message, and the soak's load reads there. */
#ifndef SOAK_MARK_H
#define SOAK_MARK_H

#include <stdint.h>

enum { MARK_AT = 32 }; /* where it begins in the payload */

/* All zero: no handler has seen it, as it is with wills. */
struct mark {
    uint64_t handled_ns; /* monotonic */
    uint32_t marker;     /* of the configuration: "args" of the route */
    uint32_t worker;
    uint32_t version; /* of the code: MARK_VERSION */
    uint32_t zero[3];
};

#endif
