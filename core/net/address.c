/* Socket addresses, and how people read them. */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>

socklen_t address_size(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return sizeof(address->ip4);
    if (address->any.sa_family == AF_INET6)
        return sizeof(address->ip6);
    return sizeof(address->path);
}

uint16_t address_port(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohs(address->ip4.sin_port);
    if (address->any.sa_family == AF_INET6)
        return ntohs(address->ip6.sin6_port);
    return 0;
}

void address_set_port(union address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET)
        address->ip4.sin_port = htons(port);
    else if (address->any.sa_family == AF_INET6)
        address->ip6.sin6_port = htons(port);
}

const char *address_text(const union address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->ip4.sin_addr, host, sizeof(host));
        snprintf(text, size, "%s:%u", host, (unsigned)address_port(address));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->ip6.sin6_addr, host, sizeof(host));
        snprintf(text, size, "[%s]:%u", host, (unsigned)address_port(address));
        break;
    default:
        snprintf(text, size, "%s", address->path.sun_path[0] != '\0' ? address->path.sun_path : "unix");
    }
    return text;
}
