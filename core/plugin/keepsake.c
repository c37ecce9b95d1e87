/* A generation that may be wanted again. */
#include "plugin/keepsake.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

static bool plugin_keep(struct keepsake *keepsake, struct library_folder *folder, const struct gmq_plugin *plugin)
{
    const struct library *library = plugin->library;
    char *name = mem_copy_text(plugin->name, strlen(plugin->name));
    char *path = mem_copy_text(library->path_original, strlen(library->path_original));
    errno = ENOMEM;
    if (name == NULL || path == NULL ||
        !library_copy_keep(folder, &library->copy, &keepsake->copies[keepsake->count])) {
        int reason = errno;
        mem_free(name);
        mem_free(path);
        errno = reason;
        return false;
    }
    keepsake->files[keepsake->count++] = (struct config_plugin_file){name, path};
    return true;
}

static bool plugins_keep(struct keepsake *keepsake, struct library_folder *folder, const struct generation *generation)
{
    keepsake->files = mem_alloc_zero(generation->plugin_count + 1, sizeof(*keepsake->files));
    keepsake->copies = mem_alloc_zero(generation->plugin_count, sizeof(*keepsake->copies));
    errno = ENOMEM;
    if (keepsake->files == NULL || keepsake->copies == NULL)
        return false;
    for (size_t i = 0; i < generation->plugin_count; i++) {
        if (!plugin_keep(keepsake, folder, generation->plugins[i]))
            return false;
    }
    return true;
}

struct keepsake *keepsake_new(struct library_folder *folder, const struct generation *generation, char *text,
                              size_t length)
{
    struct keepsake *keepsake = mem_alloc_zero(1, sizeof(*keepsake));
    errno = ENOMEM;
    if (keepsake == NULL)
        return NULL;
    keepsake->number = generation->number;
    if (plugins_keep(keepsake, folder, generation)) {
        keepsake->text = text;
        keepsake->length = length;
        return keepsake;
    }
    int reason = errno;
    keepsake_free(keepsake);
    errno = reason;
    return NULL;
}

void keepsake_free(struct keepsake *keepsake)
{
    if (keepsake == NULL)
        return;
    for (size_t i = 0; i < keepsake->count; i++) {
        library_copy_remove(&keepsake->copies[i]);
        mem_free((char *)keepsake->files[i].name);
        mem_free((char *)keepsake->files[i].path);
    }
    mem_free(keepsake->files);
    mem_free(keepsake->copies);
    mem_free(keepsake->text);
    mem_free(keepsake);
}

bool keepsake_copy(struct library_folder *folder, const struct keepsake *keepsake,
                   const struct config_plugin *definition, const char *place, struct library_copy *copy,
                   struct problems *problems)
{
    for (size_t i = 0; i < keepsake->count; i++) {
        if (strcmp(keepsake->files[i].name, definition->name) == 0)
            return library_copy_again(folder, &keepsake->copies[i], definition->path, place, copy, problems);
    }
    problems_add(problems, "%s: nothing was kept of plugin \"%s\"", place, definition->name);
    return false;
}
