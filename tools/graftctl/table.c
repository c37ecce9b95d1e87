/* Tables for people. */
#include "table.h"

#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { TABLE_CELL_SIZE = 4096, TABLE_COLUMNS_MAX = 32, TABLE_WIDTH_CUT_MIN = 8, TABLE_GAP = 2 };

/* ---- texts on a terminal ---- */

/* The next character of `text`: how many bytes it has, and how wide it is. 0 wide with 1 byte: to be escaped. */
static size_t character_of(const char *text, int *width)
{
    wchar_t character;
    mbstate_t state = {0};
    size_t step = mbrtowc(&character, text, strlen(text), &state);
    if (step == 0 || step > strlen(text)) {
        *width = -1;
        return 1;
    }
    *width = wcwidth(character);
    return step;
}

/* The text with what is not printable written as \xNN. */
static char *text_safe(const char *text)
{
    size_t size = 4 * strlen(text) + 1, used = 0;
    char *safe = malloc(size);
    if (safe == NULL)
        fail(EXIT_REFUSED, "memory is out");
    while (*text != '\0') {
        int width;
        size_t step = character_of(text, &width);
        for (size_t i = 0; i < step; i++) {
            if (width < 0)
                used += (size_t)snprintf(safe + used, size - used, "\\x%02x", (unsigned char)text[i]);
            else
                safe[used++] = text[i];
        }
        text += step;
    }
    safe[used] = '\0';
    return safe;
}

void print_safely(const char *text)
{
    char *safe = text_safe(text);
    fputs(safe, stdout);
    free(safe);
}

bool is_coloured(void)
{
    const char *refused = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (refused == NULL || refused[0] == '\0');
}

static int text_width(const char *text)
{
    int total = 0;
    while (*text != '\0') {
        int width;
        text += character_of(text, &width);
        total += width > 0 ? width : 0;
    }
    return total;
}

/* Prints at most `limit` columns of it. */
static void print_cut(const char *text, int limit)
{
    bool is_cut = text_width(text) > limit;
    int used = 0;
    while (*text != '\0') {
        int width;
        size_t step = character_of(text, &width);
        width = width > 0 ? width : 0;
        if (used + width > limit - (is_cut ? 1 : 0))
            break;
        fwrite(text, 1, step, stdout);
        used += width;
        text += step;
    }
    if (is_cut)
        fputs(MB_CUR_MAX > 1 ? "…" : "~", stdout);
}

/* ---- rows ---- */

void table_init(struct table *table, const struct table_column *columns)
{
    *table = (struct table){.columns = columns};
    while (table->column_count < TABLE_COLUMNS_MAX && columns[table->column_count].header != NULL)
        table->column_count++;
}

static void value_text(const json_t *value, char *text, size_t size)
{
    if (json_is_string(value))
        snprintf(text, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, size, "%.1f", json_real_value(value));
    else
        snprintf(text, size, "%s", json_is_true(value) ? "yes" : "");
}

static char *cell_make(const struct table_column *column, const json_t *line)
{
    char text[TABLE_CELL_SIZE];
    if (column->cell != NULL)
        column->cell(line, column->key, text, sizeof(text));
    else
        value_text(json_object_get(line, column->key), text, sizeof(text));
    return text_safe(text);
}

void table_add(struct table *table, const json_t *line)
{
    size_t columns = table->column_count;
    if (table->count == table->capacity) {
        table->capacity = table->capacity != 0 ? 2 * table->capacity : 64;
        table->rows = realloc(table->rows, table->capacity * sizeof(*table->rows));
    }
    char **row = table->rows != NULL ? calloc(columns, sizeof(*row)) : NULL;
    if (row == NULL)
        fail(EXIT_REFUSED, "memory is out");
    for (size_t i = 0; i < columns; i++)
        row[i] = cell_make(&table->columns[i], line);
    table->rows[table->count++] = row;
}

static int terminal_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    return size.ws_col;
}

/* The widest of those that may be is cut, column by column, until the line fits. */
static void widths_fit(const struct table *table, int *widths)
{
    int limit = terminal_width(), total = 0;
    size_t columns = table->column_count;
    for (size_t i = 0; i < columns; i++)
        total += widths[i] + (i != 0 ? TABLE_GAP : 0);
    while (limit != 0 && total > limit) {
        size_t widest = columns;
        for (size_t i = 0; i < columns; i++) {
            if (table->columns[i].may_be_cut && widths[i] > TABLE_WIDTH_CUT_MIN &&
                (widest == columns || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == columns)
            return;
        widths[widest]--;
        total--;
    }
}

/* Without blanks at the end of the line. */
static void print_row(const struct table *table, char *const *row, const int *widths)
{
    size_t columns = table->column_count;
    int blanks = 0;
    for (size_t i = 0; i < columns; i++) {
        int width = text_width(row[i]), room = width < widths[i] ? widths[i] - width : 0;
        blanks += (i != 0 ? TABLE_GAP : 0) + (table->columns[i].is_number ? room : 0);
        if (width != 0) {
            printf("%*s", blanks, "");
            print_cut(row[i], widths[i]);
            blanks = 0;
        }
        blanks += table->columns[i].is_number ? 0 : room;
    }
    putchar('\n');
}

static void print_headers(const struct table *table, const int *widths)
{
    char *headers[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < table->column_count; i++)
        headers[i] = (char *)table->columns[i].header;
    if (is_coloured())
        fputs("\033[1m", stdout);
    print_row(table, headers, widths);
    if (is_coloured())
        fputs("\033[0m", stdout);
}

void table_print(struct table *table)
{
    int widths[TABLE_COLUMNS_MAX];
    size_t columns = table->column_count;
    for (size_t i = 0; i < columns; i++) {
        widths[i] = text_width(table->columns[i].header);
        for (size_t j = 0; j < table->count; j++) {
            int width = text_width(table->rows[j][i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    widths_fit(table, widths);
    print_headers(table, widths);
    for (size_t j = 0; j < table->count; j++) {
        print_row(table, table->rows[j], widths);
        for (size_t i = 0; i < columns; i++)
            free(table->rows[j][i]);
        free(table->rows[j]);
    }
    free(table->rows);
    table_init(table, table->columns);
}

/* ---- cells ---- */

void cell_bytes(const json_t *line, const char *key, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double bytes = (double)json_integer_value(json_object_get(line, key));
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void write_seconds(long long seconds, char *text, size_t size)
{
    if (seconds < 60)
        snprintf(text, size, "%lld s", seconds);
    else if (seconds < 3600)
        snprintf(text, size, "%lld min %lld s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(text, size, "%lld h %lld min", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(text, size, "%lld d %lld h", seconds / 86400, seconds / 3600 % 24);
}

void cell_ms(const json_t *line, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(line, key);
    long long ms = json_integer_value(value);
    if (!json_is_integer(value))
        text[0] = '\0';
    else if (ms < 1000)
        snprintf(text, size, "%lld ms", ms);
    else
        write_seconds(ms / 1000, text, size);
}

void cell_ns(const json_t *line, const char *key, char *text, size_t size)
{
    double ns = (double)json_integer_value(json_object_get(line, key));
    if (ns == 0)
        text[0] = '\0';
    else if (ns < 1e3)
        snprintf(text, size, "%.0f ns", ns);
    else if (ns < 1e6)
        snprintf(text, size, "%.1f us", ns / 1e3);
    else
        snprintf(text, size, "%.1f ms", ns / 1e6);
}

void cell_seconds(const json_t *line, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(line, key);
    if (json_is_integer(value))
        write_seconds(json_integer_value(value), text, size);
    else
        snprintf(text, size, "never");
}

void cell_bool(const json_t *line, const char *key, char *text, size_t size)
{
    snprintf(text, size, "%s", json_is_true(json_object_get(line, key)) ? "yes" : "");
}

void cell_list(const json_t *line, const char *key, char *text, size_t size)
{
    const json_t *list = json_object_get(line, key), *element;
    size_t used = 0, index;
    text[0] = '\0';
    json_array_foreach(list, index, element)
    {
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", index != 0 ? ", " : "",
                                     json_is_string(element) ? json_string_value(element) : "");
    }
}

void cell_json(const json_t *line, const char *key, char *text, size_t size)
{
    const json_t *value = json_object_get(line, key);
    text[0] = '\0';
    if (json_object_size(value) == 0)
        return;
    size_t length = json_dumpb(value, text, size - 1, JSON_COMPACT);
    text[length < size ? length : size - 1] = '\0';
}
