#include "config/place.h"

struct scanner {
    const char *at;
    const char *end;
};

static bool is_at(const struct scanner *scanner, char character)
{
    return scanner->at < scanner->end && *scanner->at == character;
}

static bool take(struct scanner *scanner, char character)
{
    if (!is_at(scanner, character))
        return false;
    scanner->at++;
    return true;
}

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->end && is_space(*scanner->at))
        scanner->at++;
}

static uint32_t hexadecimal_digit(char character)
{
    if (character >= '0' && character <= '9')
        return (uint32_t)(character - '0');
    if (character >= 'a' && character <= 'f')
        return (uint32_t)(character - 'a') + 10;
    if (character >= 'A' && character <= 'F')
        return (uint32_t)(character - 'A') + 10;
    return 0;
}

/* The four digits of \uXXXX. */
static uint32_t take_code_unit(struct scanner *scanner)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4 && scanner->at < scanner->end; i++)
        unit = unit << 4 | hexadecimal_digit(*scanner->at++);
    return unit;
}

/* What follows "\u", with the second half of a surrogate pair. */
static uint32_t take_code_point(struct scanner *scanner)
{
    uint32_t high = take_code_unit(scanner);
    if (high < 0xD800 || high > 0xDBFF)
        return high;
    if (!take(scanner, '\\') || !take(scanner, 'u'))
        return high;
    uint32_t low = take_code_unit(scanner);
    return 0x10000 + ((high - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF);
}

static size_t encode_utf8(uint32_t point, char bytes[4])
{
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    bytes[0] = (char)(first[length] | point);
    return length;
}

/* One character of a string, as UTF-8; the scanner is behind a backslash. */
static size_t take_escape(struct scanner *scanner, char bytes[4])
{
    static const char names[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    if (scanner->at == scanner->end)
        return 0;
    char name = *scanner->at++;
    if (name == 'u')
        return encode_utf8(take_code_point(scanner), bytes);
    const char *known = memchr(names, name, sizeof(names) - 1);
    bytes[0] = known != NULL ? values[known - names] : name;
    return 1;
}

/* Moves behind a string; whether it is `expected`. NULL: only moves. */
static bool take_string(struct scanner *scanner, const char *expected)
{
    size_t left = expected != NULL ? strlen(expected) : 0;
    bool is_same = expected != NULL;
    take(scanner, '"');
    while (scanner->at < scanner->end && *scanner->at != '"') {
        char bytes[4] = {*scanner->at++};
        size_t length = bytes[0] == '\\' ? take_escape(scanner, bytes) : 1;
        is_same = is_same && length <= left && memcmp(expected, bytes, length) == 0;
        if (is_same) {
            expected += length;
            left -= length;
        }
    }
    take(scanner, '"');
    return is_same && left == 0;
}

static void skip_value(struct scanner *scanner)
{
    size_t depth = 0;
    while (scanner->at < scanner->end) {
        char character = *scanner->at;
        bool is_closing = character == '}' || character == ']';
        if (depth == 0 && (is_closing || character == ',' || is_space(character)))
            return;
        if (character == '"') {
            take_string(scanner, NULL);
            continue;
        }
        if (is_closing)
            depth--;
        else if (character == '{' || character == '[')
            depth++;
        scanner->at++;
    }
}

/* Moves from the start of an object to the value of its member; `*key_at` is then where the member's key begins. */
static bool enter_member(struct scanner *scanner, const char *key, const char **key_at)
{
    bool has_more = take(scanner, '{');
    while (has_more) {
        skip_space(scanner);
        *key_at = scanner->at;
        bool is_found = take_string(scanner, key);
        skip_space(scanner);
        take(scanner, ':');
        skip_space(scanner);
        if (is_found)
            return true;
        skip_value(scanner);
        skip_space(scanner);
        has_more = take(scanner, ',');
    }
    return false;
}

static bool enter_element(struct scanner *scanner, size_t index)
{
    bool has_more = take(scanner, '[');
    while (has_more) {
        skip_space(scanner);
        if (index == 0)
            return !is_at(scanner, ']');
        skip_value(scanner);
        skip_space(scanner);
        has_more = take(scanner, ',');
        index--;
    }
    return false;
}

static struct place place_of(gmq_view text, const char *at)
{
    struct place place = {1, 1};
    for (const char *character = text.data; character < at; character++) {
        bool is_continuation = ((uint8_t)*character & 0xC0) == 0x80;
        if (*character == '\n') {
            place.line++;
            place.column = 1;
        } else if (!is_continuation) {
            place.column++;
        }
    }
    return place;
}

struct place place_find(gmq_view text, const struct place_step *steps, size_t count, bool at_key)
{
    struct scanner scanner = {text.data, text.data + text.length};
    skip_space(&scanner);
    const char *found = scanner.at;
    for (size_t i = 0; i < count; i++) {
        const char *key_at = NULL;
        bool is_found = steps[i].key != NULL ? enter_member(&scanner, steps[i].key, &key_at)
                                             : enter_element(&scanner, steps[i].index);
        if (!is_found)
            break;
        found = at_key && i + 1 == count && key_at != NULL ? key_at : scanner.at;
    }
    return place_of(text, found);
}
