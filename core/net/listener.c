/* A place where clients connect: opening and closing the sockets of one listener. */
#include "net/listener.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/unix_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LISTENER_BACKLOG = 4096, LISTENER_PORT_TRIES = 32 };

/* What a socket call said, and where. */
struct listener_failure {
    const char *step;
    int error;
};

static void listener_free(struct listener *listener)
{
    mem_free(listener->name);
    mem_free(listener->bind);
    mem_free(listener->acceptors);
    mem_free(listener);
}

void listener_ref(struct listener *listener)
{
    atomic_fetch_add_explicit(&listener->references, 1, memory_order_relaxed);
}

void listener_unref(struct listener *listener)
{
    if (atomic_fetch_sub_explicit(&listener->references, 1, memory_order_acq_rel) == 1)
        listener_free(listener);
}

static struct listener *listener_new(const struct config_listener *definition, uint32_t worker_count)
{
    static uint32_t last_number; /* the controller's thread alone */
    struct listener *listener = mem_alloc_zero(1, sizeof(*listener));
    if (listener == NULL)
        return NULL;
    atomic_init(&listener->references, 1);
    size_t places = (size_t)worker_count * LISTENER_ADDRESSES_MAX;
    listener->name = mem_copy_text(definition->name, strlen(definition->name));
    listener->bind = mem_copy_text(definition->bind, strlen(definition->bind));
    listener->acceptors = mem_alloc_zero(places, sizeof(*listener->acceptors));
    if (listener->name == NULL || listener->bind == NULL || listener->acceptors == NULL) {
        listener_free(listener);
        return NULL;
    }
    listener->number = ++last_number;
    listener->family = definition->family;
    listener->port = definition->port;
    listener->unix_mode = definition->unix_mode;
    listener->worker_count = worker_count;
    snprintf(listener->log_subject, sizeof(listener->log_subject), "listener %s", listener->name);
    for (size_t i = 0; i < places; i++) {
        listener->acceptors[i].descriptor = -1;
        listener->acceptors[i].listener = listener;
    }
    return listener;
}

static void address_set_ip4(union address *address, struct in_addr host, uint16_t port)
{
    *address = (union address){.ip4 = {.sin_family = AF_INET, .sin_addr = host, .sin_port = htons(port)}};
}

static void address_set_ip6(union address *address, struct in6_addr host, uint16_t port)
{
    *address = (union address){.ip6 = {.sin6_family = AF_INET6, .sin6_addr = host, .sin6_port = htons(port)}};
}

/* The addresses that a TCP listener wants; the configuration has checked that `bind` is one of these. */
static uint32_t listener_wanted(const struct listener *listener, union address *wanted)
{
    struct in_addr host4;
    struct in6_addr host6;
    if (listener->family == CONFIG_LOCALHOST || listener->family == CONFIG_ANY) {
        bool is_local = listener->family == CONFIG_LOCALHOST;
        host4.s_addr = htonl(is_local ? INADDR_LOOPBACK : INADDR_ANY);
        address_set_ip4(&wanted[0], host4, listener->port);
        address_set_ip6(&wanted[1], is_local ? in6addr_loopback : in6addr_any, listener->port);
        return 2;
    }
    if (inet_pton(AF_INET, listener->bind, &host4) == 1) {
        address_set_ip4(&wanted[0], host4, listener->port);
        return 1;
    }
    if (inet_pton(AF_INET6, listener->bind, &host6) == 1) {
        address_set_ip6(&wanted[0], host6, listener->port);
        return 1;
    }
    return 0;
}

static int socket_failed(int descriptor, struct listener_failure *failure, const char *step)
{
    *failure = (struct listener_failure){.step = step, .error = errno};
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* A bound socket. Without `is_shared` the bind fails if anyone listens on the address. */
static int socket_bind(const union address *address, bool is_shared, struct listener_failure *failure)
{
    int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return socket_failed(descriptor, failure, "open a socket for");
    const int on = 1;
    bool is_set = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (is_shared)
        is_set = is_set && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    /* IPv4 has a socket of its own, so that its peers aren't shown as mapped addresses. */
    if (address->any.sa_family == AF_INET6)
        is_set = is_set && setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
    /* Accepted sockets inherit it. */
    is_set = is_set && setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    if (!is_set)
        return socket_failed(descriptor, failure, "set up the socket for");
    if (bind(descriptor, &address->any, address_size(address)) != 0)
        return socket_failed(descriptor, failure, "listen on");
    return descriptor;
}

/* Sets the port of `address` if the kernel chose it. */
static int socket_listen(union address *address, struct listener_failure *failure)
{
    int descriptor = socket_bind(address, true, failure);
    if (descriptor < 0)
        return -1;
    union address bound;
    socklen_t size = sizeof(bound);
    if (listen(descriptor, LISTENER_BACKLOG) != 0 || getsockname(descriptor, &bound.any, &size) != 0)
        return socket_failed(descriptor, failure, "listen on");
    address_set_port(address, address_port(&bound));
    return descriptor;
}

/* With SO_REUSEPORT a second broker of the same user would share our port in silence: so a look first without it. */
static bool address_is_free(const union address *address, struct listener_failure *failure)
{
    int descriptor = socket_bind(address, false, failure);
    if (descriptor < 0)
        return false;
    close(descriptor);
    return true;
}

static void listener_close_sockets(struct listener *listener)
{
    for (size_t i = 0; i < (size_t)listener->worker_count * LISTENER_ADDRESSES_MAX; i++) {
        if (listener->acceptors[i].descriptor >= 0)
            close(listener->acceptors[i].descriptor);
        listener->acceptors[i].descriptor = -1;
    }
    listener->address_count = 0;
}

/* A socket on `address` for each worker; nothing stays open on failure. */
static bool listener_add_address(struct listener *listener, union address *address, bool may_share,
                                 struct listener_failure *failure)
{
    if (address_port(address) != 0 && !may_share && !address_is_free(address, failure))
        return false;
    uint32_t place = listener->address_count;
    for (uint32_t worker = 0; worker < listener->worker_count; worker++) {
        int descriptor = socket_listen(address, failure);
        listener_acceptors(listener, worker)[place].descriptor = descriptor;
        if (descriptor >= 0)
            continue;
        for (uint32_t i = 0; i < worker; i++) {
            close(listener_acceptors(listener, i)[place].descriptor);
            listener_acceptors(listener, i)[place].descriptor = -1;
        }
        return false;
    }
    listener->addresses[listener->address_count++] = *address;
    return true;
}

/* A machine without IPv6, or without IPv4. */
static bool failure_is_missing_family(const struct listener_failure *failure)
{
    return failure->error == EAFNOSUPPORT || failure->error == EADDRNOTAVAIL || failure->error == EPROTONOSUPPORT;
}

static bool listener_open_addresses(struct listener *listener, bool may_share, struct listener_failure *failure,
                                    union address *failed)
{
    union address wanted[LISTENER_ADDRESSES_MAX];
    uint32_t count = listener_wanted(listener, wanted);
    for (uint32_t i = 0; i < count; i++) {
        if (listener->address_count != 0)
            address_set_port(&wanted[i], address_port(&listener->addresses[0]));
        *failed = wanted[i];
        if (!listener_add_address(listener, &wanted[i], may_share, failure) &&
            (count == 1 || !failure_is_missing_family(failure)))
            return false;
    }
    return listener->address_count != 0;
}

static void problems_add_failure(struct problems *problems, const char *place, const union address *address,
                                 const struct listener_failure *failure)
{
    char text[ADDRESS_TEXT_SIZE];
    address_text(address, text, sizeof(text));
    const char *remedy = "";
    if (failure->error == EADDRINUSE)
        remedy = "; another process listens on it: stop that one, or choose another port";
    else if (failure->error == EADDRNOTAVAIL)
        remedy = "; this machine doesn't have the address: see \"ip address\"";
    else if (failure->error == EACCES)
        remedy = "; ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or choose another port";
    problems_add(problems, "%s: can't %s %s: %s%s", place, failure->step, text, strerror(failure->error), remedy);
}

static bool listener_open_tcp(struct listener *listener, bool may_share, const char *place, struct problems *problems)
{
    struct listener_failure failure = {.step = "listen on", .error = EAFNOSUPPORT};
    union address failed = {.any.sa_family = AF_INET};
    /* A port that the kernel chose for one family may be taken in the other. */
    int tries = listener->port == 0 ? LISTENER_PORT_TRIES : 1;
    while (tries-- > 0) {
        if (listener_open_addresses(listener, may_share, &failure, &failed))
            return true;
        listener_close_sockets(listener);
        if (failure.error != EADDRINUSE)
            break;
    }
    problems_add_failure(problems, place, &failed, &failure);
    return false;
}

static bool listener_open_unix(struct listener *listener, bool may_share, const char *place, struct problems *problems)
{
    union address *address = &listener->addresses[0];
    address->path.sun_family = AF_UNIX;
    snprintf(address->path.sun_path, sizeof(address->path.sun_path), "%s", listener->bind);
    struct unix_socket opened;
    if (!unix_socket_open(listener->bind, listener->unix_mode, may_share, place, problems, &opened))
        return false;
    listener->acceptors[0].descriptor = opened.descriptor;
    listener->unix_device = opened.device;
    listener->unix_inode = opened.inode;
    listener->address_count = 1;
    return true;
}

struct listener *listener_open(const struct config_listener *definition, const char *file, uint32_t worker_count,
                               bool may_share, struct problems *problems)
{
    char place[512];
    snprintf(place, sizeof(place), "%s:%u:%u: %s", file, definition->place.line, definition->place.column,
             definition->place.path != NULL ? definition->place.path : "listeners");
    struct listener *listener = listener_new(definition, worker_count);
    if (listener == NULL) {
        problems_add(problems, "%s: out of memory", place);
        return NULL;
    }
    bool is_open = listener->family == CONFIG_UNIX ? listener_open_unix(listener, may_share, place, problems)
                                                   : listener_open_tcp(listener, may_share, place, problems);
    if (is_open)
        return listener;
    listener_unref(listener);
    return NULL;
}

void listener_publish(struct listener *listener)
{
    listener->is_published = true;
    if (listener->family == CONFIG_UNIX && !unix_socket_publish(listener->bind))
        log_write(GMQ_LOG_ERROR, listener->log_subject, "can't name the socket %s: %s", listener->bind,
                  strerror(errno));
    for (uint32_t i = 0; i < listener->address_count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        log_write(GMQ_LOG_NOTICE, listener->log_subject, "listening on %s",
                  address_text(&listener->addresses[i], text, sizeof(text)));
    }
}

void listener_close(struct listener *listener)
{
    if (listener->family == CONFIG_UNIX)
        unix_socket_remove(listener->bind, listener->unix_device, listener->unix_inode);
    uint32_t published = listener->is_published ? listener->address_count : 0;
    listener_close_sockets(listener);
    for (uint32_t i = 0; i < published; i++) { /* what is told is true: the address can be had again */
        char text[ADDRESS_TEXT_SIZE];
        log_write(GMQ_LOG_NOTICE, listener->log_subject, "closed %s",
                  address_text(&listener->addresses[i], text, sizeof(text)));
    }
    listener_unref(listener);
}

bool listener_is(const struct listener *listener, const struct config_listener *definition)
{
    if (listener->family != definition->family || strcmp(listener->name, definition->name) != 0 ||
        strcmp(listener->bind, definition->bind) != 0)
        return false;
    if (listener->family == CONFIG_UNIX)
        return listener->unix_mode == definition->unix_mode;
    return listener->port == definition->port;
}

bool listener_overlaps(const struct listener *listener, const struct config_listener *definition)
{
    bool is_unix = listener->family == CONFIG_UNIX;
    if (is_unix != (definition->family == CONFIG_UNIX))
        return false;
    if (is_unix)
        return strcmp(listener->bind, definition->bind) == 0;
    return definition->port != 0 && address_port(&listener->addresses[0]) == definition->port;
}
