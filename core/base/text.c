/* Small things about text: UTF-8, likely meanings of misspelt words, text that is safe to print. */
#include "base/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Well-formed UTF-8 by its first byte: how long, and what the second byte may be (Unicode, table 3-7). The further
 * bytes are 80..BF always. */
struct utf8_lead {
    uint8_t first, last;
    uint8_t length;
    uint8_t second_min, second_max;
};

static const struct utf8_lead utf8_leads[] = {
    {0x01, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static bool utf8_continues(const uint8_t *bytes, const struct utf8_lead *lead)
{
    if (lead->length > 1 && (bytes[1] < lead->second_min || bytes[1] > lead->second_max))
        return false;
    for (size_t i = 2; i < lead->length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

size_t text_utf8_step(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (length == 0)
        return 0;
    for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++) {
        const struct utf8_lead *lead = &utf8_leads[i];
        if (bytes[0] >= lead->first && bytes[0] <= lead->last)
            return length >= lead->length && utf8_continues(bytes, lead) ? lead->length : 0;
    }
    return 0;
}

/* Eight bytes of ASCII without a zero: no byte has its upper bit, and none borrows when 1 is taken from each. */
static inline bool is_plain_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

bool text_is_utf8(const char *text, size_t length)
{
    size_t position = 0;
    while (position < length) {
        if (length - position >= 8 && is_plain_word(text + position)) {
            position += 8;
            continue;
        }
        bool is_ascii = (signed char)text[position] > 0;
        size_t step = is_ascii ? 1 : text_utf8_step(text + position, length - position);
        if (step == 0)
            return false;
        position += step;
    }
    return true;
}

enum { BEGINNING_LENGTH = 4, NEAREST_LENGTH_MAX = 63 };

static size_t smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

static bool is_same_letter(char left, char right)
{
    return tolower((unsigned char)left) == tolower((unsigned char)right);
}

/* How many letters must be inserted, removed, replaced or swapped with their neighbour; case doesn't count. */
static size_t edit_distance(const char *left, const char *right)
{
    /* The rows for the last two letters of `left` and the present one; a row has an entry per prefix of `right`. */
    size_t rows[3][NEAREST_LENGTH_MAX + 1] = {{0}};
    size_t left_length = strlen(left), right_length = strlen(right);
    for (size_t j = 0; j <= right_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= right_length; j++) {
            size_t replaced = above[j - 1] + !is_same_letter(left[i - 1], right[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same_letter(left[i - 1], right[j - 2]) &&
                is_same_letter(left[i - 2], right[j - 1]))
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[left_length % 3][right_length];
}

const char *text_nearest(const char *word, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    if (length > NEAREST_LENGTH_MAX)
        return NULL;
    /* One slip in a short word, one more for every four letters; a single letter is no clue. */
    size_t best = length < 2 ? 1 : 2 + (length - 2) / 4;
    for (; *candidates != NULL; candidates++) {
        if (strlen(*candidates) > NEAREST_LENGTH_MAX)
            continue;
        bool is_beginning = length >= BEGINNING_LENGTH && strncmp(word, *candidates, length) == 0;
        size_t distance = is_beginning ? 1 : edit_distance(word, *candidates); /* "packet_size" for packet_size_bytes */
        if (distance < best) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* Two bytes of UTF-8 for U+0080 to U+009F: terminals obey some of them. */
static bool is_upper_control(const char *text)
{
    return (uint8_t)text[0] == 0xC2 && (uint8_t)text[1] < 0xA0;
}

static size_t escape_byte(char piece[5], char byte)
{
    static const char letters[] = "\nn\tt\rr\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
        if (byte == letters[i]) {
            piece[0] = '\\';
            piece[1] = letters[i + 1];
            return 2;
        }
    }
    return (size_t)snprintf(piece, 5, "\\x%02x", (unsigned)(uint8_t)byte);
}

/* The next character of the view as it is to be printed; returns the number of bytes it was made of. */
static size_t printable_piece(gmq_view view, char piece[5], size_t *piece_length)
{
    size_t step = text_utf8_step(view.data, view.length);
    bool is_control = step == 1 ? iscntrl((unsigned char)view.data[0]) != 0 : step == 2 && is_upper_control(view.data);
    if (step == 0 || is_control || (step == 1 && (view.data[0] == '"' || view.data[0] == '\\'))) {
        *piece_length = escape_byte(piece, view.data[0]);
        return 1;
    }
    memcpy(piece, view.data, step);
    *piece_length = step;
    return step;
}

const char *text_printable(char *text, size_t size, gmq_view view)
{
    size_t used = 0, cut_at = 0; /* cut_at: the last place where "..." still fits */
    while (view.length != 0 && size != 0) {
        char piece[5];
        size_t piece_length;
        size_t step = printable_piece(view, piece, &piece_length);
        if (used + piece_length >= size) {
            snprintf(text + cut_at, size - cut_at, "...");
            return text;
        }
        memcpy(text + used, piece, piece_length);
        used += piece_length;
        if (used + 3 < size)
            cut_at = used;
        view = gmq_view_make(view.data + step, view.length - step);
    }
    if (size != 0)
        text[used] = '\0';
    return text;
}
