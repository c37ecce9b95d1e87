/* Answers of the broker: their lines one by one, and how they end. */
#ifndef GRAFTCTL_ANSWER_H
#define GRAFTCTL_ANSWER_H

#include "command.h"
#include "table.h"

/* Sends the command with "client" and "topic" where they aren't NULL. */
void answer_ask(const char *command, const char *client, const char *topic);

/* Reads the answer of a list: prints its lines as they are (--json), one member of each (--names), or a table. Returns
 * the exit code. */
int answer_list(const struct request *request, const struct table_column *columns, const char *name);

/* The next line of the answer that is of the type, or NULL: it was the last one, and *code is the exit code by now;
 * errors were printed. `end` (or NULL) gets the last line. To be released. */
json_t *answer_next(const struct request *request, json_t **end, int *code);

/* Reads to the end; returns the last line, to be released. */
json_t *answer_end(const struct request *request, int *code);

/* The texts of a list, a line each, on standard error. */
void print_lines(const json_t *line, const char *key, const char *before);

#endif
