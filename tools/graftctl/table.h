/* A table for people: columns aligned, cut to the terminal's width if there is one. Texts that come from clients can't
 * move the cursor. */
#ifndef GRAFTCTL_TABLE_H
#define GRAFTCTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes a cell's text, at most `size` bytes. */
typedef void table_cell(const json_t *line, const char *key, char *text, size_t size);

/* One column; a table ends with a header of NULL. */
struct table_column {
    const char *header;
    const char *key;
    table_cell *cell; /* NULL: the value as it is */
    bool is_number;   /* aligned to the right */
    bool may_be_cut;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    char ***rows; /* texts */
    size_t count;
    size_t capacity;
};

void table_init(struct table *table, const struct table_column *columns);
void table_add(struct table *table, const json_t *line);

/* Prints it, and frees its rows. */
void table_print(struct table *table);

/* Prints one text with what a terminal would obey made visible. */
void print_safely(const char *text);

/* Whether standard output is a terminal that may be coloured. */
bool is_coloured(void);

/* Cells. */
table_cell cell_bytes;   /* "12.3 MiB" */
table_cell cell_ms;      /* "3 d 4 h", "12 s", "30 ms" */
table_cell cell_ns;      /* "850 ns", "1.2 us", "3.4 ms"; 0: "" */
table_cell cell_seconds; /* the same from seconds; null: "never" */
table_cell cell_bool;    /* "yes", "" */
table_cell cell_list;    /* "a, b"; null: "" */
table_cell cell_json;    /* {} : "" */

#endif
