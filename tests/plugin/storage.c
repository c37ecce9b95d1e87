/* The bytes that are kept for plugins. */
#include "given.h"

#include <pthread.h>

Test(storage, keeps_the_last_bytes_written_under_each_name)
{
    struct plugin_storage *storage = plugin_storage_new();
    char bytes[8] = "";
    cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("shop"), bytes, sizeof(bytes)), 0);
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "first", 5), GMQ_OK);
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("audit"), "other", 5), GMQ_OK);
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "second", 6), GMQ_OK);
    cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("shop"), bytes, sizeof(bytes)), 6);
    cr_assert_eq(memcmp(bytes, "second", 6), 0);
    cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("audit"), NULL, 0), 5);
    plugin_storage_free(storage);
}

Test(storage, copies_no_more_than_there_is_room_for_and_tells_the_whole_length)
{
    struct plugin_storage *storage = plugin_storage_new();
    char bytes[4] = "....";
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "0123456789", 10), GMQ_OK);
    cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("shop"), bytes, 3), 10);
    cr_assert_eq(memcmp(bytes, "012.", 4), 0);
    plugin_storage_free(storage);
}

Test(storage, forgets_what_is_written_with_no_bytes)
{
    struct plugin_storage *storage = plugin_storage_new();
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "x", 1), GMQ_OK);
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), NULL, 0), GMQ_OK);
    cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("shop"), NULL, 0), 0);
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), NULL, 3), GMQ_ERROR_ARGUMENT);
    plugin_storage_free(storage);
}

Test(storage, changes_nothing_when_memory_is_out)
{
    struct plugin_storage *storage = plugin_storage_new();
    char bytes[8] = "";
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "old", 3), GMQ_OK);
    gmq_status status;
    size_t failures = 0;
    do {
        mem_fail_after(failures + 1);
        status = plugin_storage_write(storage, GMQ_VIEW("shop"), "new!", 4);
        if (!mem_fail_after(0))
            break;
        failures++;
        cr_assert_eq(status, GMQ_ERROR_MEMORY);
        cr_assert_eq(plugin_storage_read(storage, GMQ_VIEW("shop"), bytes, sizeof(bytes)), 3);
    } while (failures < 100);
    cr_assert_eq(status, GMQ_OK);
    cr_assert_gt(failures, 2);
    plugin_storage_free(storage);
}

Test(storage, comes_back_from_a_file_as_it_was)
{
    struct place_of_test place;
    place_make(&place);
    struct plugin_storage *storage = plugin_storage_new(), *other = plugin_storage_new();
    char bytes[200000];
    for (size_t i = 0; i < 100; i++) {
        snprintf(bytes, sizeof(bytes), "plugin %zu", i);
        cr_assert_eq(plugin_storage_write(storage, gmq_view_of(bytes), bytes, i == 0 ? sizeof(bytes) : i), GMQ_OK);
    }
    cr_assert(plugin_storage_save(storage, place.trace));
    cr_assert(plugin_storage_restore(other, place.trace));
    for (size_t i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof(name), "plugin %zu", i);
        cr_assert_eq(plugin_storage_read(other, gmq_view_of(name), bytes, sizeof(bytes)), i == 0 ? 200000 : i);
        cr_assert_eq(strncmp(bytes, name, i == 0 || i > strlen(name) ? strlen(name) : i), 0);
    }
    plugin_storage_free(storage);
    plugin_storage_free(other);
    place_remove(&place);
}

Test(storage, takes_no_file_that_is_cut_or_none_of_its_own)
{
    struct place_of_test place;
    place_make(&place);
    struct plugin_storage *storage = plugin_storage_new();
    cr_assert_eq(plugin_storage_write(storage, GMQ_VIEW("shop"), "0123456789", 10), GMQ_OK);
    cr_assert(plugin_storage_save(storage, place.trace));
    struct stat status;
    cr_assert_eq(stat(place.trace, &status), 0);
    for (off_t length = status.st_size - 1; length >= 0; length--) {
        cr_assert_eq(truncate(place.trace, length), 0);
        struct plugin_storage *other = plugin_storage_new();
        bool is_restored = plugin_storage_restore(other, place.trace);
        cr_assert(!is_restored, "restored from %d bytes", (int)length);
        plugin_storage_free(other);
    }
    cr_assert_not(plugin_storage_restore(storage, "/nowhere/at/all"));
    plugin_storage_free(storage);
    place_remove(&place);
}

enum { THREADS = 8, ROUNDS = 2000 };

static void *write_and_read(void *data)
{
    struct plugin_storage *storage = data;
    for (int i = 0; i < ROUNDS; i++) {
        char bytes[64];
        memset(bytes, 'a' + i % 26, sizeof(bytes));
        if (plugin_storage_write(storage, GMQ_VIEW("shared"), bytes, sizeof(bytes)) != GMQ_OK)
            return "write";
        plugin_storage_read(storage, GMQ_VIEW("shared"), bytes, sizeof(bytes));
        if (memcmp(bytes, bytes + 1, sizeof(bytes) - 1) != 0)
            return "mixed bytes";
    }
    return NULL;
}

Test(storage, never_shows_a_half_written_value_to_another_thread)
{
    struct plugin_storage *storage = plugin_storage_new();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_and_read, storage), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failure = NULL;
        pthread_join(threads[i], &failure);
        cr_assert_null(failure, "%s", (const char *)failure);
    }
    plugin_storage_free(storage);
}

Test(storage, layouts_and_their_counts_come_back_and_tell_what_cannot_be_read)
{
    struct place_of_test place;
    place_make(&place);
    struct plugin_storage *storage = plugin_storage_new(), *other = plugin_storage_new();
    cr_assert_eq(plugin_storage_write_layout(storage, GMQ_VIEW("shop"), 3, "abc", 3), GMQ_OK);
    struct bytes_tally *tally = plugin_storage_tally(storage, GMQ_VIEW("shop"), 2);
    cr_assert_eq(plugin_storage_tally(storage, GMQ_VIEW("shop"), 2), tally);
    cr_assert_neq(plugin_storage_tally(storage, GMQ_VIEW("shops"), 2), tally);
    atomic_store(&tally->kept[BYTES_OF_SESSION], 7);
    cr_assert(plugin_storage_save(storage, place.trace));
    cr_assert(plugin_storage_restore(other, place.trace));

    struct bytes_kept kept;
    static const gmq_bytes_layouts all = {0, 3, 2, 3}, second = {0, 2, 2, 2}, third = {0, 3, 3, 3};
    cr_assert_not(plugin_storage_has_unreadable(other, GMQ_VIEW("shop"), &all, &kept));
    cr_assert(plugin_storage_has_unreadable(other, GMQ_VIEW("shop"), &second, &kept));
    cr_assert_eq(kept.layout, 3);
    cr_assert_eq(kept.own, 3);
    cr_assert(plugin_storage_has_unreadable(other, GMQ_VIEW("shop"), &third, &kept));
    cr_assert_eq(kept.layout, 2);
    cr_assert_eq(kept.sessions, 7);
    cr_assert_not(plugin_storage_has_unreadable(other, GMQ_VIEW("shops"), &third, &kept));
    cr_assert_eq(plugin_storage_read_between(other, GMQ_VIEW("shop"), &third, NULL, 0).layout, 3);
    cr_assert_eq(plugin_storage_read_between(other, GMQ_VIEW("shop"), &second, NULL, 0).own, 0);
    plugin_storage_free(storage);
    plugin_storage_free(other);
    place_remove(&place);
}
