/* Reads fields of a packet one after the other. The first error sticks and later reads give zeros, so that a decoder
 * reads all its fields and looks at the error once. Private to mqtt/. */
#ifndef MQTT_READER_H
#define MQTT_READER_H

#include "base/text.h"
#include "mqtt/error.h"

struct reader {
    const uint8_t *bytes;
    size_t length;
    size_t position;
    enum mqtt_error error;
};

static inline struct reader reader_make(const uint8_t *bytes, size_t length)
{
    struct reader reader = {bytes, length, 0, MQTT_OK};
    return reader;
}

static inline void reader_fail(struct reader *reader, enum mqtt_error error)
{
    if (reader->error == MQTT_OK)
        reader->error = error;
}

/* For checks: fails unless the claim holds. */
static inline void reader_require(struct reader *reader, bool claim, enum mqtt_error error)
{
    if (!claim)
        reader_fail(reader, error);
}

static inline bool reader_is_at_end(const struct reader *reader)
{
    return reader->error != MQTT_OK || reader->position == reader->length;
}

/* The next `count` bytes, or NULL. */
static inline const uint8_t *reader_take(struct reader *reader, size_t count)
{
    if (reader->error != MQTT_OK || reader->length - reader->position < count) {
        reader_fail(reader, MQTT_ERROR_TRUNCATED);
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->position;
    reader->position += count;
    return bytes;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 1);
    return bytes != NULL ? bytes[0] : 0;
}

static inline uint16_t reader_u16(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 2);
    if (bytes == NULL)
        return 0;
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t reader_u32(struct reader *reader)
{
    const uint8_t *bytes = reader_take(reader, 4);
    if (bytes == NULL)
        return 0;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Binary data (5.0, 1.5.6). */
static inline gmq_view reader_binary(struct reader *reader)
{
    size_t length = reader_u16(reader);
    const uint8_t *bytes = reader_take(reader, length);
    return gmq_view_make(bytes, bytes != NULL ? length : 0);
}

/* A UTF-8 encoded string (5.0, 1.5.4) [MQTT-1.5.4-1, 1.5.4-2]. */
static inline gmq_view reader_string(struct reader *reader)
{
    gmq_view text = reader_binary(reader);
    if (text.length > 0 && !text_is_utf8(text.data, text.length))
        reader_fail(reader, MQTT_ERROR_UTF8);
    return text;
}

/* A variable byte integer, which must be minimal (5.0, 1.5.5) [MQTT-1.5.5-1]. */
static inline uint32_t reader_varint(struct reader *reader)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte = reader_u8(reader);
        value |= (uint32_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            bool is_minimal = byte != 0 || shift == 0;
            reader_require(reader, is_minimal, MQTT_ERROR_VARINT);
            return value;
        }
    }
    reader_fail(reader, MQTT_ERROR_VARINT);
    return 0;
}

/* The verdict on the whole packet: nothing may be left over. */
static inline enum mqtt_error reader_finish(struct reader *reader)
{
    reader_require(reader, reader->position == reader->length, MQTT_ERROR_TRAILING_BYTES);
    return reader->error;
}

#endif
