/* Listeners: opened, shared, kept, and refused with the reason. */
#include "net/listener_set.h"

#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void set_up(void)
{
    log_configure(STDERR_FILENO, LOG_TEXT, GMQ_LOG_ERROR);
    snprintf(folder, sizeof(folder), "/tmp/graftmq-listener-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void tear_down(void)
{
    rmdir(folder);
}

TestSuite(listener, .init = set_up, .fini = tear_down);

static struct config_listener definition_of(const char *name, const char *bind, enum config_family family,
                                            uint16_t port)
{
    return (struct config_listener){
        .name = (char *)name, .bind = (char *)bind, .family = family, .port = port, .unix_mode = 0660};
}

static struct listener_set *set_of(struct config_listener *definitions, size_t count,
                                   const struct listener_set *previous, struct problems *problems)
{
    struct config config = {.file = (char *)"test.json", .listeners = definitions, .listener_count = count};
    return listener_set_open(&config, previous, 3, problems);
}

Test(listener, every_worker_has_a_socket_on_the_same_port_of_each_address)
{
    struct problems problems = {0};
    struct config_listener definition = definition_of("a", "localhost", CONFIG_LOCALHOST, 0);
    struct listener_set *set = set_of(&definition, 1, NULL, &problems);
    cr_assert_not_null(set, "%s", problems.count != 0 ? problems.lines[0] : "");
    struct listener *listener = set->listeners[0];
    uint16_t port = address_port(&listener->addresses[0]);
    cr_assert_neq(port, 0);
    for (uint32_t i = 0; i < listener->address_count; i++) {
        cr_assert_eq(address_port(&listener->addresses[i]), port);
        for (uint32_t worker = 0; worker < 3; worker++)
            cr_assert_geq(listener_acceptors(listener, worker)[i].descriptor, 0);
    }
    listener_set_retire(set, NULL);
}

Test(listener, what_is_sent_to_its_clients_does_not_wait_for_their_acknowledgements)
{
    struct problems problems = {0};
    struct config_listener definition = definition_of("a", "127.0.0.1", CONFIG_ADDRESS, 0);
    struct listener_set *set = set_of(&definition, 1, NULL, &problems);
    cr_assert_not_null(set);
    int client = socket(AF_INET, SOCK_STREAM, 0), accepted = -1;
    cr_assert_eq(connect(client, &set->listeners[0]->addresses[0].any, sizeof(struct sockaddr_in)), 0);
    for (uint32_t worker = 0; accepted < 0; worker = (worker + 1) % 3)
        accepted = accept(listener_acceptors(set->listeners[0], worker)[0].descriptor, NULL, NULL);
    int is_on = 0;
    socklen_t size = sizeof(is_on);
    cr_assert_eq(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &is_on, &size), 0);
    cr_assert(is_on);
    close(accepted);
    close(client);
    listener_set_retire(set, NULL);
}

Test(listener, a_port_that_is_listened_on_is_refused)
{
    struct problems problems = {0};
    struct config_listener first = definition_of("a", "127.0.0.1", CONFIG_ADDRESS, 0);
    struct listener_set *set = set_of(&first, 1, NULL, &problems);
    cr_assert_not_null(set);
    /* As another process would: it knows nothing of the first set. */
    struct config_listener second =
        definition_of("b", "127.0.0.1", CONFIG_ADDRESS, address_port(&set->listeners[0]->addresses[0]));
    cr_assert_null(set_of(&second, 1, NULL, &problems));
    cr_assert_eq(problems.error_count, 1);
    cr_assert_not_null(strstr(problems.lines[0], "another process listens on it"));
    problems_deinit(&problems);
    listener_set_retire(set, NULL);
}

Test(listener, what_a_reload_leaves_alone_keeps_its_sockets)
{
    struct problems problems = {0};
    struct config_listener before[] = {definition_of("stays", "127.0.0.1", CONFIG_ADDRESS, 0),
                                       definition_of("goes", "127.0.0.1", CONFIG_ADDRESS, 0)};
    struct listener_set *old = set_of(before, 2, NULL, &problems);
    cr_assert_not_null(old);
    uint16_t port = address_port(&old->listeners[1]->addresses[0]);
    struct config_listener after[] = {definition_of("comes", "127.0.0.1", CONFIG_ADDRESS, port), before[0]};
    struct listener_set *next = set_of(after, 2, old, &problems);
    cr_assert_not_null(next, "%s", problems.count != 0 ? problems.lines[0] : "");
    cr_assert_eq(next->listeners[1], old->listeners[0]);
    cr_assert_neq(next->listeners[0], old->listeners[1]);
    cr_assert_eq(listener_set_index(next, old->listeners[1]), LISTENER_INDEX_GONE);
    listener_set_retire(old, next);
    listener_set_retire(next, NULL);
}

Test(listener, all_problems_are_told_and_nothing_stays_open)
{
    struct problems problems = {0};
    struct config_listener definitions[] = {definition_of("one", "192.0.2.1", CONFIG_ADDRESS, 1),
                                            definition_of("two", "127.0.0.1", CONFIG_ADDRESS, 0),
                                            definition_of("three", "/nowhere/at/all", CONFIG_UNIX, 0)};
    int before = dup(0);
    close(before);
    cr_assert_null(set_of(definitions, 3, NULL, &problems));
    cr_assert_eq(problems.error_count, 2);
    int after = dup(0);
    close(after);
    cr_assert_eq(after, before);
    problems_deinit(&problems);
}

Test(listener, a_socket_file_has_its_permissions_and_goes_with_its_listener)
{
    struct problems problems = {0};
    char path[100];
    struct stat found;
    snprintf(path, sizeof(path), "%s/socket", folder);
    struct config_listener definition = definition_of("local", path, CONFIG_UNIX, 0);
    struct listener_set *set = set_of(&definition, 1, NULL, &problems);
    cr_assert_not_null(set);
    cr_assert_neq(lstat(path, &found), 0, "it is named when it is in use");
    listener_set_publish(set, NULL);
    cr_assert_eq(lstat(path, &found), 0);
    cr_assert(S_ISSOCK(found.st_mode));
    cr_assert_eq(found.st_mode & 0777, 0660);
    cr_assert_null(set_of(&definition, 1, NULL, &problems), "somebody listens there");
    problems_deinit(&problems);
    listener_set_retire(set, NULL);
    cr_assert_neq(lstat(path, &found), 0);
}

Test(listener, a_successor_takes_the_socket_file_over)
{
    struct problems problems = {0};
    char path[100];
    struct stat found;
    snprintf(path, sizeof(path), "%s/socket", folder);
    struct config_listener before = definition_of("old", path, CONFIG_UNIX, 0);
    struct config_listener after = definition_of("new", path, CONFIG_UNIX, 0);
    struct listener_set *old = set_of(&before, 1, NULL, &problems);
    listener_set_publish(old, NULL);
    struct listener_set *next = set_of(&after, 1, old, &problems);
    cr_assert_not_null(next);
    listener_set_publish(next, old);
    listener_set_retire(old, next);
    cr_assert_eq(lstat(path, &found), 0, "it is the new listener's");
    listener_set_retire(next, NULL);
    cr_assert_neq(lstat(path, &found), 0);
}

Test(listener, a_file_that_is_no_socket_is_left_alone)
{
    struct problems problems = {0};
    char path[100];
    snprintf(path, sizeof(path), "%s/file", folder);
    FILE *file = fopen(path, "w");
    fclose(file);
    struct config_listener definition = definition_of("local", path, CONFIG_UNIX, 0);
    cr_assert_null(set_of(&definition, 1, NULL, &problems));
    cr_assert_eq(access(path, F_OK), 0);
    problems_deinit(&problems);
    unlink(path);
}
