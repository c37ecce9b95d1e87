/* Payloads that tell where they come from and whether they are whole. */
#include "stamp.h"

#include <string.h>

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 31) * 0x9E3779B97F4A7C15u;
    return value ^ value >> 29;
}

static uint64_t check_word(const struct stamp *stamp)
{
    return mix(mix((uint64_t)stamp->stream << 32 | stamp->number) ^ stamp->time_ns);
}

static const uint8_t *filler(void)
{
    static uint8_t bytes[STAMP_PAYLOAD_MAX];
    static bool is_made;
    for (size_t i = 0; !is_made && i < sizeof bytes; i++)
        bytes[i] = (uint8_t)mix(i + 1);
    is_made = true;
    return bytes;
}

void stamp_write(const struct stamp *stamp, uint8_t *payload, size_t length)
{
    uint64_t check = check_word(stamp);
    _Static_assert(sizeof *stamp + sizeof check == STAMP_SIZE, "no gaps");
    memcpy(payload, stamp, sizeof *stamp);
    memcpy(payload + sizeof *stamp, &check, sizeof check);
    memcpy(payload + STAMP_SIZE, filler(), length - STAMP_SIZE);
}

bool stamp_read(const uint8_t *payload, size_t length, struct stamp *stamp)
{
    if (length < STAMP_SIZE || length > STAMP_PAYLOAD_MAX)
        return false;
    uint64_t check;
    memcpy(stamp, payload, sizeof *stamp);
    memcpy(&check, payload + sizeof *stamp, sizeof check);
    return check == check_word(stamp) && memcmp(payload + STAMP_SIZE, filler(), length - STAMP_SIZE) == 0;
}
