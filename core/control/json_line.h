/* Writes JSON: one object a line. Members and elements get their commas by what stands before them, so that no state is
 * kept beside the text. Memory that is out shows in the buffer. */
#ifndef CONTROL_JSON_LINE_H
#define CONTROL_JSON_LINE_H

#include "base/buffer.h"

#include <graftmq/types.h>

/* `key` is NULL for an element of a list, and for the line itself. */
void json_begin(struct buffer *line, const char *key, char bracket);    /* '{' or '[' */
void json_end(struct buffer *line, char bracket);                       /* '}' or ']' */
void json_text(struct buffer *line, const char *key, const char *text); /* NULL: null */
void json_view(struct buffer *line, const char *key, gmq_view text);    /* bytes that are no UTF-8 become U+FFFD */
void json_number(struct buffer *line, const char *key, uint64_t number);
void json_bool(struct buffer *line, const char *key, bool is_true);
void json_raw(struct buffer *line, const char *key, gmq_view json); /* text that is JSON already */

/* A line begins with its type, and ends. */
void json_line_begin(struct buffer *line, const char *type);
void json_line_end(struct buffer *line);

#endif
