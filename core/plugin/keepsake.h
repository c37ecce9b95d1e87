/* What is kept of a generation so that it can be loaded once more, whatever has become of the files it was made from:
 * its configuration's text and its plugins' bytes. Controller's thread only. */
#ifndef PLUGIN_KEEPSAKE_H
#define PLUGIN_KEEPSAKE_H

#include "plugin/generation.h"

struct keepsake {
    uint64_t number; /* of the generation */
    char *text;      /* of the configuration, as it was parsed */
    size_t length;
    size_t count;
    struct config_plugin_file *files; /* count of them and an end: what the plugins were called */
    struct library_copy *copies;      /* kept */
};

/* Takes `text` over on success. The generation's copies are still there. NULL: errno says why. */
struct keepsake *keepsake_new(struct library_folder *folder, const struct generation *generation, char *text,
                              size_t length);
void keepsake_free(struct keepsake *keepsake); /* NULL is allowed */

/* A new copy of the plugin of this name. False with a line in `problems` that begins with `place`. */
bool keepsake_copy(struct library_folder *folder, const struct keepsake *keepsake,
                   const struct config_plugin *definition, const char *place, struct library_copy *copy,
                   struct problems *problems) __attribute__((warn_unused_result));

#endif
