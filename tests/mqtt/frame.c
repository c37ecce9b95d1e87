/* The fixed header: whole, cut and broken. */
#include "mqtt/frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct header {
    const char *bytes;
    size_t length;
    enum frame_status status;
    uint8_t header_size;
    uint32_t remaining_length;
};

static const struct header headers[] = {
    {"", 0, FRAME_PARTIAL, 0, 0},
    {"\x10", 1, FRAME_PARTIAL, 0, 0},
    {"\x10\x80", 2, FRAME_PARTIAL, 0, 0},
    {"\x10\xFF\xFF\xFF", 4, FRAME_PARTIAL, 0, 0},
    {"\x10\xFF\xFF\xFF\x80", 5, FRAME_MALFORMED, 0, 0},
    {"\x10\x80\x80\x80\x80\x01", 6, FRAME_MALFORMED, 0, 0},
    {"\xC0\x00", 2, FRAME_COMPLETE, 2, 0},
    {"\xC0\x00\xC0", 3, FRAME_COMPLETE, 2, 0},
    {"\x30\x01", 2, FRAME_HEADER, 2, 1},
    {"\x30\x01x", 3, FRAME_COMPLETE, 2, 1},
    {"\x30\x7F", 2, FRAME_HEADER, 2, 127},
    {"\x30\x80\x01", 3, FRAME_HEADER, 3, 128},
    {"\x30\xFF\x7F", 3, FRAME_HEADER, 3, 16383},
    {"\x30\x80\x80\x01", 4, FRAME_HEADER, 4, 16384},
    {"\x30\xFF\xFF\x7F", 4, FRAME_HEADER, 4, 2097151},
    {"\x30\x80\x80\x80\x01", 5, FRAME_HEADER, 5, 2097152},
    {"\x30\xFF\xFF\xFF\x7F", 5, FRAME_HEADER, 5, 268435455},
    {"\x30\x81\x00x", 4, FRAME_COMPLETE, 3, 1}, /* not minimal */
};

Test(frame, a_header_is_read_as_far_as_it_is_there)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        const struct header *header = &headers[i];
        uint8_t *bytes = malloc(header->length + 1);
        memmove(bytes + 1, header->bytes, header->length); /* the end is the end of the block, for ASan */
        struct frame frame = {0};
        enum frame_status status = frame_read(bytes + 1, header->length, &frame);
        cr_assert_eq(status, header->status, "row %zu: got %d", i, status);
        cr_assert_eq(frame.header_size, header->header_size, "row %zu: got %u", i, frame.header_size);
        cr_assert_eq(frame.remaining_length, header->remaining_length, "row %zu: got %u", i, frame.remaining_length);
        free(bytes);
    }
}

Test(frame, type_and_flags_are_the_halves_of_the_first_byte)
{
    const uint8_t bytes[] = {0x3D, 2, 'a', 'b'};
    struct frame frame;
    cr_assert_eq(frame_read(bytes, sizeof bytes, &frame), FRAME_COMPLETE);
    cr_assert_eq(frame.type, 3);
    cr_assert_eq(frame.flags, 0x0D);
    cr_assert_eq(frame.body, bytes + 2);
    cr_assert_eq(frame_size(&frame), sizeof bytes);
}
