/* The listening socket of a path: takes the place of a dead process's, never of a living one's. Controller's thread. */
#ifndef NET_UNIX_SOCKET_H
#define NET_UNIX_SOCKET_H

#include "base/problems.h"

#include <stdint.h>
#include <sys/types.h>

struct unix_socket {
    int descriptor;
    dev_t device; /* of the socket file */
    ino_t inode;
};

/* Listens under a preliminary name beside `path`. `may_replace`: a living socket there is our own. False with a line in
 * `problems`, beginning with `place`. */
bool unix_socket_open(const char *path, uint32_t mode, bool may_replace, const char *place, struct problems *problems,
                      struct unix_socket *opened) __attribute__((warn_unused_result));

/* Whether that is likely to succeed, without touching anything. False with a line in `problems`. */
bool unix_socket_check(const char *path, const char *place, struct problems *problems)
    __attribute__((warn_unused_result));

/* Moves the socket to its name, in place of what is there. False: errno says why. */
bool unix_socket_publish(const char *path) __attribute__((warn_unused_result));

/* Removes the file, published or not, if it is still this one. */
void unix_socket_remove(const char *path, dev_t device, ino_t inode);

#endif
