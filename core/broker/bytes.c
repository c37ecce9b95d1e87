/* Bytes that plugins keep with a client or a session. */
#include "broker/bytes.h"

#include "base/memory.h"

#include <string.h>

static gmq_view bytes_name(const struct bytes *entry)
{
    return gmq_view_make(entry->content, entry->name_length);
}

const struct bytes *bytes_find(const struct bytes *list, gmq_view name)
{
    while (list != NULL && !gmq_view_same(bytes_name(list), name))
        list = list->next;
    return list;
}

gmq_view bytes_view(const struct bytes *entry)
{
    if (entry == NULL)
        return gmq_view_make(NULL, 0);
    return gmq_view_make(entry->content + entry->name_length, entry->length);
}

static void bytes_count(const struct bytes *entry)
{
    if (entry->mark.tally != NULL)
        atomic_fetch_add_explicit(entry->mark.tally, 1, memory_order_relaxed);
}

static void bytes_discard(struct bytes *entry)
{
    if (entry->mark.tally != NULL)
        atomic_fetch_sub_explicit(entry->mark.tally, 1, memory_order_relaxed);
    mem_free(entry);
}

static void bytes_remove(struct bytes **list, gmq_view name)
{
    while (*list != NULL && !gmq_view_same(bytes_name(*list), name))
        list = &(*list)->next;
    if (*list == NULL)
        return;
    struct bytes *entry = *list;
    *list = entry->next;
    bytes_discard(entry);
}

gmq_status bytes_set(struct bytes **list, gmq_view name, gmq_view bytes, struct bytes_mark mark)
{
    struct bytes *entry = NULL;
    if (bytes.length > 0) {
        entry = mem_alloc(sizeof *entry + name.length + bytes.length);
        if (entry == NULL)
            return GMQ_ERROR_MEMORY;
        entry->length = bytes.length;
        entry->name_length = name.length;
        entry->mark = mark;
        memcpy(entry->content, name.data, name.length);
        memcpy(entry->content + name.length, bytes.data, bytes.length);
    }
    bytes_remove(list, name); /* only now: `bytes` may be a view of the old ones */
    if (entry != NULL) {
        entry->next = *list;
        *list = entry;
        bytes_count(entry);
    }
    return GMQ_OK;
}

void bytes_free(struct bytes **list)
{
    while (*list != NULL) {
        struct bytes *entry = *list;
        *list = entry->next;
        bytes_discard(entry);
    }
}
