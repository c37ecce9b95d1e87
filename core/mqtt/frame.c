/* The fixed header of a packet: type, flags, remaining length. */
#include "mqtt/frame.h"

enum { LENGTH_BYTES_MAX = 4 };

/* That the remaining length is minimal [MQTT-1.5.5-1] is a rule of 5.0 alone, and the version of a connection is known
 * only behind the first header: so it is decoding that refuses the longer forms. */
enum frame_status frame_read(const uint8_t *bytes, size_t length, struct frame *frame)
{
    uint32_t remaining_length = 0;
    for (size_t i = 0; i < LENGTH_BYTES_MAX; i++) {
        if (1 + i >= length)
            return FRAME_PARTIAL;
        uint8_t byte = bytes[1 + i];
        remaining_length |= (uint32_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            size_t header_size = 2 + i;
            frame->type = bytes[0] >> 4;
            frame->flags = bytes[0] & 0x0F;
            frame->header_size = (uint8_t)header_size;
            frame->remaining_length = remaining_length;
            frame->body = bytes + header_size;
            return length - header_size >= remaining_length ? FRAME_COMPLETE : FRAME_HEADER;
        }
    }
    return FRAME_MALFORMED;
}
