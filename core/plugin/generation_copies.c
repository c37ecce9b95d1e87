/* The private copies of one load, and which plugins need none because they are loaded already. */
#include "plugin/generation.h"

#include "base/memory.h"
#include "plugin/config_lease.h"
#include "plugin/keepsake.h"

#include <string.h>

static bool isolation_same(const struct config_isolation *left, const struct config_isolation *right)
{
    return left->processes == right->processes && left->start_ms == right->start_ms &&
           left->hang_ms == right->hang_ms && left->pending_calls == right->pending_calls &&
           left->pending_bytes == right->pending_bytes;
}

static struct gmq_plugin *plugin_same(const struct generation *previous, const struct config_plugin *definition,
                                      const struct library_copy *copy)
{
    for (size_t i = 0; previous != NULL && i < previous->plugin_count; i++) {
        struct gmq_plugin *plugin = previous->plugins[i];
        if (strcmp(plugin->name, definition->name) == 0 && strcmp(plugin->library->copy.content, copy->content) == 0 &&
            settings_equal(plugin->settings, definition->settings) &&
            isolation_same(&plugin->isolation, &definition->isolation))
            return plugin;
    }
    return NULL;
}

static bool is_kept(const struct generation_copies *copies, const struct gmq_plugin *plugin)
{
    for (size_t i = 0; i < copies->count; i++) {
        if (copies->kept[i] == plugin)
            return true;
    }
    return false;
}

/* Plugins of `previous` that this load replaces and that are known to stay mapped then. */
static size_t sticky_count(const struct generation *previous, const struct generation_copies *copies)
{
    size_t count = 0;
    for (size_t i = 0; i < previous->plugin_count; i++) {
        if (previous->plugins[i]->library->copy.is_sticky && !is_kept(copies, previous->plugins[i]))
            count++;
    }
    return count;
}

/* What stays mapped is known beforehand for some plugins only. Once some were retired, further ones are likely: so at
 * the limit no new code is let in. */
static bool retired_check(const struct config *config, const struct generation *previous,
                          const struct generation_copies *copies, struct problems *problems)
{
    size_t opened = 0;
    for (size_t i = 0; i < copies->count; i++)
        opened += copies->kept[i] == NULL;
    if (previous == NULL || opened == 0)
        return true;
    size_t retired = library_retired_total().count, limit = config->limits.retired_libraries;
    size_t sticky = sticky_count(previous, copies);
    if ((retired == 0 || retired < limit) && retired + sticky <= limit)
        return true;
    problems_add(problems,
                 "%s: limits.retired_libraries: replaced plugins that could not be unmapped: %zu, and %zu that this "
                 "reload replaces can't be either; the limit is %zu; raise it, or restart the broker",
                 config->file, retired, sticky, limit);
    return false;
}

/* What one load's copies are made from. */
struct origin {
    struct generation_loader *loader;
    const struct keepsake *keepsake; /* NULL: the files that the configuration names */
    const struct config *config;
    const struct generation *previous;
    struct problems *problems;
};

static bool copy_begin(const struct origin *origin, const struct config_plugin *definition, struct library_copy *copy)
{
    char place[CONFIG_PLACE_TEXT_SIZE];
    config_place_text(origin->config, &definition->place, place, sizeof(place));
    struct library_folder *folder = origin->loader->folder;
    if (origin->keepsake != NULL)
        return keepsake_copy(folder, origin->keepsake, definition, place, copy, origin->problems);
    return library_copy_make(folder, definition->path, place, copy, origin->problems);
}

/* False when the folder takes no copy. */
static bool copy_make(const struct origin *origin, size_t index, struct generation_copies *copies)
{
    const struct config_plugin *definition = &origin->config->plugins[index];
    struct library_copy *copy = &copies->copies[index];
    if (!copy_begin(origin, definition, copy))
        return !copy->is_denied;
    copies->kept[index] = plugin_same(origin->previous, definition, copy);
    if (copies->kept[index] != NULL)
        library_copy_remove(copy);
    return true;
}

bool generation_copies_have(const struct generation_copies *copies, size_t index)
{
    return copies->kept[index] != NULL || copies->copies[index].path != NULL;
}

static bool copies_make(const struct origin *origin, struct generation_copies *copies)
{
    const struct config *config = origin->config;
    struct generation_copies made = {.count = config->plugin_count};
    made.copies = mem_alloc_zero(made.count, sizeof(*made.copies));
    made.kept = mem_alloc_zero(made.count, sizeof(*made.kept));
    if (made.copies == NULL || made.kept == NULL) {
        problems_add(origin->problems, "%s: memory is out", config->file);
        made.count = 0;
        generation_copies_discard(&made);
        return false;
    }
    bool is_taking = true;
    for (size_t i = 0; i < made.count && is_taking; i++)
        is_taking = config->plugins[i].path == NULL || copy_make(origin, i, &made);
    if (!is_taking || !retired_check(config, origin->previous, &made, origin->problems)) {
        generation_copies_discard(&made);
        return false;
    }
    *copies = made;
    return true;
}

bool generation_copies_make(struct generation_loader *loader, const struct config *config,
                            const struct generation *previous, struct generation_copies *copies,
                            struct problems *problems)
{
    return copies_make(&(struct origin){loader, NULL, config, previous, problems}, copies);
}

bool generation_copies_recall(struct generation_loader *loader, const struct keepsake *keepsake,
                              const struct config *config, const struct generation *previous,
                              struct generation_copies *copies, struct problems *problems)
{
    return copies_make(&(struct origin){loader, keepsake, config, previous, problems}, copies);
}

void generation_copies_discard(struct generation_copies *copies)
{
    for (size_t i = 0; i < copies->count; i++)
        library_copy_remove(&copies->copies[i]);
    mem_free(copies->copies);
    mem_free(copies->kept);
    *copies = (struct generation_copies){0};
}
