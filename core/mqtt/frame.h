/* Finds one packet in a run of bytes: the fixed header (MQTT 5.0, 2.1). Pure. */
#ifndef MQTT_FRAME_H
#define MQTT_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_status {
    FRAME_COMPLETE, /* all of it is there */
    FRAME_HEADER,   /* the header is known, bytes of the body are missing */
    FRAME_PARTIAL,  /* not even the header is there */
    FRAME_MALFORMED /* the remaining length has more than four bytes */
};

struct frame {
    uint8_t type;  /* 0 to 15, unchecked */
    uint8_t flags; /* the low four bits */
    uint8_t header_size;
    uint32_t remaining_length;
    const uint8_t *body;
};

/* Bytes of the whole packet. */
static inline size_t frame_size(const struct frame *frame)
{
    return (size_t)frame->header_size + frame->remaining_length;
}

/* `frame` is filled on FRAME_COMPLETE and FRAME_HEADER. A remaining length that isn't minimal is accepted here;
 * decoding refuses it in 5.0. */
enum frame_status frame_read(const uint8_t *bytes, size_t length, struct frame *frame);

#endif
