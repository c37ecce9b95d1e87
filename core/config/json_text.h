/* JSON text -> a tree, and what is needed to trust the JSON library with memory. */
#ifndef CONFIG_JSON_TEXT_H
#define CONFIG_JSON_TEXT_H

#include "base/problems.h"

#include <graftmq/types.h>
#include <jansson.h>

/* Has the library allocate by base/memory.h. Before any other use of it; any number of times. */
void json_memory_init(void);

/* Whether an allocation of the library failed on this thread since the last json_memory_clear(). The library itself
 * ignores some: a string that it read may then lack characters. */
bool json_memory_is_out(void);
void json_memory_clear(void);

/* The tree, or NULL and a line with place and hint in `problems`; `file` only names the text. Out of memory: NULL, no
 * line, and json_memory_is_out(). */
json_t *json_text_parse(gmq_view text, const char *file, struct problems *problems);

#endif
