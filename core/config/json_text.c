#include "config/json_text.h"

#include "base/memory.h"
#include "base/text.h"

#include <pthread.h>

static _Thread_local bool is_memory_out;

static void *json_allocate(size_t size)
{
    void *block = mem_alloc(size);
    if (block == NULL)
        is_memory_out = true;
    return block;
}

/* The setting counts for the whole process, so for plugins that use the library too: they may hand to free() what it
 * allocated, which is right as long as mem_alloc() gives what malloc() gave. */
static void set_functions(void)
{
    json_set_alloc_funcs(json_allocate, mem_free);
}

void json_memory_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_functions);
}

bool json_memory_is_out(void)
{
    return is_memory_out;
}

void json_memory_clear(void)
{
    is_memory_out = false;
}

/* Where the token begins at which reading stopped: `position` is somewhere in it or right behind it. */
static size_t token_start(gmq_view text, size_t position)
{
    static const char bounds[] = " \t\r\n,:[{";
    size_t start = position < text.length ? position : text.length;
    if (start > 0)
        start--;
    while (start > 0 && memchr(bounds, text.data[start - 1], sizeof(bounds) - 1) == NULL)
        start--;
    return start;
}

/* The character before `position` that is no white space; 0 if there is none. */
static char character_before(gmq_view text, size_t position)
{
    while (position > 0) {
        char character = text.data[--position];
        if (memchr(" \t\r\n", character, 4) == NULL)
            return character;
    }
    return 0;
}

static const char *hint_of_syntax(gmq_view text, size_t position)
{
    if (text.length >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        return "save the file without a byte order mark";
    size_t start = token_start(text, position);
    char first = start < text.length ? text.data[start] : 0;
    char before = character_before(text, start);
    if (first == '/' || first == '#')
        return "JSON has no comments: use a key called \"//\"";
    if (first == '\'')
        return "strings stand in double quotes";
    if (before == ',' && (first == '}' || first == ']'))
        return "remove the comma before the closing bracket";
    if (first == '"' && before != 0 && strchr("{[,:", before) == NULL)
        return "a comma may be missing before it";
    return "correct the JSON there";
}

static const char *hint_of(const json_error_t *error, gmq_view text)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "a closing bracket or quotation mark is missing";
    case json_error_end_of_input_expected:
        return "remove what follows the closing bracket";
    case json_error_duplicate_key:
        return "name each key once in an object (several lines of comment: \"//\" with a list)";
    case json_error_invalid_utf8:
        return "save the file as UTF-8";
    case json_error_numeric_overflow:
        return "use a smaller number";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "remove the zero character";
    case json_error_stack_overflow:
        return "nest less deeply";
    default:
        return hint_of_syntax(text, error->position > 0 ? (size_t)error->position : 0);
    }
}

/* The library's message without control characters, which the text that it cites may have; quotation marks stay. */
static void message_write(const char *text, char *message, size_t size)
{
    text_printable(message, size, gmq_view_of(text));
    char *to = message;
    for (const char *from = message; *from != '\0'; from++) {
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from;
    }
    *to = '\0';
}

json_t *json_text_parse(gmq_view text, const char *file, struct problems *problems)
{
    json_error_t error;
    json_t *root = json_loadb(text.length > 0 ? text.data : "", text.length, JSON_REJECT_DUPLICATES, &error);
    if (root != NULL && !is_memory_out)
        return root;
    json_decref(root);
    if (is_memory_out)
        return NULL;
    char message[2 * JSON_ERROR_TEXT_LENGTH];
    message_write(error.text, message, sizeof(message));
    int line = error.line > 0 ? error.line : 1;
    int column = error.column > 0 ? error.column : 1;
    problems_add(problems, "%s:%d:%d: %s; %s", file, line, column, message, hint_of(&error, text));
    return NULL;
}
