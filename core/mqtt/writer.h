/* Writes fields one after the other. Without memory it only counts: an encoder runs once to measure and once to write,
 * so that size and bytes can't disagree. Private to mqtt/. */
#ifndef MQTT_WRITER_H
#define MQTT_WRITER_H

#include "mqtt/packet.h"

struct writer {
    uint8_t *bytes; /* NULL: count only */
    size_t length;
    bool is_too_long; /* some text has more than the 65,535 bytes that its length field can say */
};

static inline void writer_u8(struct writer *writer, uint8_t value)
{
    if (writer->bytes != NULL)
        writer->bytes[writer->length] = value;
    writer->length++;
}

static inline void writer_u16(struct writer *writer, uint16_t value)
{
    writer_u8(writer, (uint8_t)(value >> 8));
    writer_u8(writer, (uint8_t)value);
}

static inline void writer_u32(struct writer *writer, uint32_t value)
{
    writer_u16(writer, (uint16_t)(value >> 16));
    writer_u16(writer, (uint16_t)value);
}

static inline void writer_bytes(struct writer *writer, gmq_view bytes)
{
    if (writer->bytes != NULL && bytes.length > 0)
        memcpy(writer->bytes + writer->length, bytes.data, bytes.length);
    writer->length += bytes.length;
}

/* With a length of two bytes in front: strings and binary data. */
static inline void writer_text(struct writer *writer, gmq_view text)
{
    writer->is_too_long |= text.length > UINT16_MAX;
    writer_u16(writer, (uint16_t)text.length);
    writer_bytes(writer, text);
}

static inline void writer_varint(struct writer *writer, uint32_t value)
{
    do {
        uint8_t byte = value & 0x7F;
        value >>= 7;
        writer_u8(writer, value > 0 ? byte | 0x80 : byte);
    } while (value > 0);
}

/* properties_encode() to a writer; the second one with the property length in front. */
void properties_write(struct writer *writer, const struct properties *properties, uint32_t which);
void properties_write_with_length(struct writer *writer, const struct properties *properties, uint32_t which);

#endif
