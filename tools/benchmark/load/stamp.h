/* What stands in a payload, so that its way can be followed: stream, number, time of sending, a check word over these,
 * and a filler that is known byte by byte. */
#ifndef LOAD_STAMP_H
#define LOAD_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMP_SIZE = 24, STAMP_PAYLOAD_MAX = 1 << 20 };

struct stamp {
    uint32_t stream;
    uint32_t number;
    uint64_t time_ns;
};

/* `length` is from STAMP_SIZE to STAMP_PAYLOAD_MAX. */
void stamp_write(const struct stamp *stamp, uint8_t *payload, size_t length);

/* False: this is not what was written. */
bool stamp_read(const uint8_t *payload, size_t length, struct stamp *stamp);

#endif
