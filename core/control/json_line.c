/* JSON texts, numbers and brackets. */
#include "control/json_line.h"

#include "base/text.h"

#include <inttypes.h>

static void separate(struct buffer *line)
{
    uint8_t last = line->length != 0 ? line->bytes[line->length - 1] : '\n';
    if (last != '{' && last != '[' && last != '\n')
        buffer_append_u8(line, ',');
}

static void append_character(struct buffer *line, const char *character, size_t step)
{
    static const char replacement[] = "\\ufffd";
    uint8_t byte = (uint8_t)*character;
    if (byte < 0x20 || byte == 0x7F)
        buffer_append_format(line, "\\u%04x", byte);
    else if (byte == '"' || byte == '\\')
        buffer_append_format(line, "\\%c", byte);
    else if (step == 0)
        buffer_append(line, replacement, sizeof(replacement) - 1);
    else
        buffer_append(line, character, step);
}

static void append_quoted(struct buffer *line, gmq_view text)
{
    buffer_append_u8(line, '"');
    for (size_t at = 0; at < text.length;) {
        size_t step = text_utf8_step(text.data + at, text.length - at);
        append_character(line, text.data + at, step);
        at += step != 0 ? step : 1;
    }
    buffer_append_u8(line, '"');
}

static void begin_value(struct buffer *line, const char *key)
{
    separate(line);
    if (key == NULL)
        return;
    append_quoted(line, gmq_view_of(key));
    buffer_append_u8(line, ':');
}

void json_begin(struct buffer *line, const char *key, char bracket)
{
    begin_value(line, key);
    buffer_append_u8(line, (uint8_t)bracket);
}

void json_end(struct buffer *line, char bracket)
{
    buffer_append_u8(line, (uint8_t)bracket);
}

void json_view(struct buffer *line, const char *key, gmq_view text)
{
    begin_value(line, key);
    append_quoted(line, text);
}

void json_raw(struct buffer *line, const char *key, gmq_view json)
{
    begin_value(line, key);
    buffer_append(line, json.data, json.length);
}

void json_text(struct buffer *line, const char *key, const char *text)
{
    if (text != NULL)
        json_view(line, key, gmq_view_of(text));
    else
        json_raw(line, key, GMQ_VIEW("null"));
}

void json_number(struct buffer *line, const char *key, uint64_t number)
{
    begin_value(line, key);
    buffer_append_format(line, "%" PRIu64, number);
}

void json_bool(struct buffer *line, const char *key, bool is_true)
{
    json_raw(line, key, is_true ? GMQ_VIEW("true") : GMQ_VIEW("false"));
}

void json_line_begin(struct buffer *line, const char *type)
{
    json_begin(line, NULL, '{');
    json_text(line, "type", type);
}

void json_line_end(struct buffer *line)
{
    json_end(line, '}');
    buffer_append_u8(line, '\n');
}
