/* "listeners". */
#include "config/reader.h"
#include "config/store.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool is_address(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

void store_bind(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)key;
    struct config_listener *listener = target;
    const char *bind = json_string_value(node->json);
    if (strchr(bind, '/') != NULL)
        listener->family = CONFIG_UNIX;
    else if (strcmp(bind, "localhost") == 0)
        listener->family = CONFIG_LOCALHOST;
    else if (strcmp(bind, "*") == 0)
        listener->family = CONFIG_ANY;
    else if (is_address(bind))
        listener->family = CONFIG_ADDRESS;
    else {
        reader_error(reader, node,
                     "\"%s\" is no address; write \"localhost\", \"*\", an IPv4 or IPv6 address, or a socket's path "
                     "with a \"/\"",
                     shown_of(bind).text);
        return;
    }
    size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (listener->family == CONFIG_UNIX && strlen(bind) > longest)
        reader_error(reader, node, "the socket's path has %zu bytes; the system takes at most %zu", strlen(bind),
                     longest);
    else
        listener->bind = reader_copy(reader, bind);
}

void store_mode(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    (void)reader;
    (void)key;
    struct config_listener *listener = target;
    listener->unix_mode = (uint32_t)strtoul(json_string_value(node->json), NULL, 8);
}

/* Warns of a key that has no effect with the kind of socket that "bind" names. */
static void check_effect(struct reader *reader, const struct node *node, const struct config_listener *listener)
{
    bool is_unix = listener->family == CONFIG_UNIX;
    const char *idle = is_unix ? "port" : "mode";
    json_t *value = json_object_get(node->json, idle);
    if (value == NULL || listener->bind == NULL)
        return;
    struct node member = node_member(node, idle, value);
    reader_warn(reader, &member, "has no effect on a %s socket; remove it", is_unix ? "unix" : "TCP");
}

void store_listener(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config_listener *listener = target;
    listener->place = reader_place(reader, node);
    reader_read_object(reader, key->keys, node, listener);
    check_effect(reader, node, listener);
}

static bool is_same_text(const char *left, const char *right)
{
    return left != NULL && right != NULL && strcmp(left, right) == 0;
}

static bool is_same_socket(const struct config_listener *left, const struct config_listener *right)
{
    if (!is_same_text(left->bind, right->bind))
        return false;
    return left->family == CONFIG_UNIX || (left->port == right->port && left->port != 0);
}

static void check_unique(struct reader *reader, const struct node *node, const struct config_listener *listener)
{
    for (const struct config_listener *other = reader->config->listeners; other < listener; other++) {
        if (is_same_text(other->name, listener->name))
            reader_error(reader, node, "the name \"%s\" is taken by the listener in line %u; choose another",
                         listener->name, other->place.line);
        if (is_same_socket(other, listener))
            reader_error(reader, node, "listens where the listener in line %u does; change \"bind\" or \"port\"",
                         other->place.line);
    }
}

/* The port of the command line goes to the first listener that has one. */
static void override_port(struct reader *reader, const struct node *node)
{
    struct config *config = reader->config;
    if (reader->overrides.port < 0)
        return;
    if (reader->overrides.port > UINT16_MAX)
        problems_add(reader->problems, "command line: port %d is out of range; use 0 to %d",
                     (int)reader->overrides.port, UINT16_MAX);
    for (size_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].family != CONFIG_UNIX) {
            config->listeners[i].port = (uint16_t)reader->overrides.port;
            return;
        }
    }
    reader_error(reader, node, "no listener has a port for the command line's %d; add one",
                 (int)reader->overrides.port);
}

void store_listeners(struct reader *reader, const struct schema_key *key, const struct node *node, void *target)
{
    struct config *config = target;
    size_t count = json_array_size(node->json);
    config->listeners = reader_allocate(reader, count, sizeof(*config->listeners));
    if (config->listeners == NULL)
        return;
    config->listener_count = count;
    for (size_t i = 0; i < count; i++) {
        struct node element = node_element(node, i);
        reader_read(reader, key->element, &element, &config->listeners[i]);
    }
    override_port(reader, node);
    for (size_t i = 0; i < count; i++) {
        struct node element = node_element(node, i);
        check_unique(reader, &element, &config->listeners[i]);
    }
}
