/* Socket addresses, and how people read them. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_un path;
};

enum { ADDRESS_TEXT_SIZE = 128 };

socklen_t address_size(const union address *address);

/* 0 for unix sockets. */
uint16_t address_port(const union address *address);
void address_set_port(union address *address, uint16_t port);

/* "192.0.2.1:40000", "[2001:db8::1]:40000"; a unix socket's path, or "unix" if it has none. Returns `text`. */
const char *address_text(const union address *address, char *text, size_t size);

#endif
