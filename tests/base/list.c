/* The ring: order, removal, moving. */
#include "base/list.h"

#include <criterion/criterion.h>

struct item {
    int number;
    struct list link;
};

static struct item items[6];
static struct list head;

static void make_items(void)
{
    list_init(&head);
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        list_init(&items[i].link);
    }
}

/* The numbers of the items in order, as a decimal number with a 1 in front. */
static int order_of(const struct list *list)
{
    int order = 1;
    for (struct list *link = list->next; link != list; link = link->next) {
        cr_assert_eq(link->next->previous, link);
        order = order * 10 + LIST_OBJECT(link, struct item, link)->number;
    }
    return order;
}

TestSuite(list, .init = make_items);

Test(list, appended_links_follow_each_other_and_prepended_come_first)
{
    list_append(&head, &items[1].link);
    list_append(&head, &items[2].link);
    list_prepend(&head, &items[0].link);

    cr_assert_eq(order_of(&head), 1012);
}

Test(list, removing_twice_does_no_harm)
{
    list_append(&head, &items[1].link);
    list_append(&head, &items[2].link);

    list_remove(&items[1].link);
    list_remove(&items[1].link);

    cr_assert_eq(order_of(&head), 12);
    cr_assert(list_is_empty(&items[1].link));
    list_remove(&items[2].link);
    cr_assert(list_is_empty(&head));
}

Test(list, all_links_move_behind_those_that_are_there)
{
    struct list other;
    list_init(&other);
    list_append(&head, &items[1].link);
    list_append(&other, &items[2].link);
    list_append(&other, &items[3].link);

    list_move_all(&head, &other);
    list_move_all(&head, &other);

    cr_assert_eq(order_of(&head), 1123);
    cr_assert(list_is_empty(&other));
}
