/* The listening socket of a path. */
#include "net/unix_socket.h"

#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNIX_SOCKET_BACKLOG = 4096 };

/* The preliminary name: one byte longer. */
static bool preliminary_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length + 2 > sizeof(address->sun_path))
        return false;
    memcpy(address->sun_path, path, length);
    address->sun_path[length] = '~';
    return true;
}

/* Whether a process answers on the socket at `path`. */
static bool socket_is_alive(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return true;
    int status = connect(descriptor, (const struct sockaddr *)(const void *)&address, sizeof(address));
    bool is_dead = status != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(descriptor);
    return !is_dead;
}

static bool path_is_free(const char *path, bool may_replace, const char *place, struct problems *problems)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return true; /* what else may be wrong with the path, bind says */
    if (!S_ISSOCK(found.st_mode)) {
        problems_add(problems,
                     "%s: can't listen on %s: a file of that name is there, and no socket; choose another path", place,
                     path);
        return false;
    }
    if (may_replace || !socket_is_alive(path))
        return true;
    problems_add(problems,
                 "%s: can't listen on %s: address in use; another process listens on it: stop that one, or choose "
                 "another path",
                 place, path);
    return false;
}

static bool path_fits(const char *path, const char *place, struct sockaddr_un *address, struct problems *problems)
{
    if (preliminary_address(path, address))
        return true;
    problems_add(problems, "%s: can't listen on %s: the path is too long; choose one of at most %zu bytes", place, path,
                 sizeof(address->sun_path) - 2);
    return false;
}

static bool fail_system(const char *path, const char *place, struct problems *problems)
{
    problems_add(problems, "%s: can't listen on %s: %s; check that its folder exists and may be written", place, path,
                 strerror(errno));
    return false;
}

bool unix_socket_check(const char *path, const char *place, struct problems *problems)
{
    struct sockaddr_un address;
    if (!path_fits(path, place, &address, problems))
        return false;
    char *slash = strrchr(address.sun_path, '/');
    if (slash != NULL)
        slash[slash == address.sun_path ? 1 : 0] = '\0';
    if (access(slash != NULL ? address.sun_path : ".", W_OK | X_OK) != 0)
        return fail_system(path, place, problems);
    return path_is_free(path, false, place, problems);
}

bool unix_socket_open(const char *path, uint32_t mode, bool may_replace, const char *place, struct problems *problems,
                      struct unix_socket *opened)
{
    struct sockaddr_un address;
    if (!path_fits(path, place, &address, problems) || !path_is_free(path, may_replace, place, problems))
        return false;
    unlink(address.sun_path);
    struct stat made;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_bound =
        descriptor >= 0 && bind(descriptor, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0;
    /* The permissions come first: before listen() nobody gets in. */
    if (is_bound && chmod(address.sun_path, (mode_t)mode) == 0 && listen(descriptor, UNIX_SOCKET_BACKLOG) == 0 &&
        stat(address.sun_path, &made) == 0) {
        *opened = (struct unix_socket){.descriptor = descriptor, .device = made.st_dev, .inode = made.st_ino};
        return true;
    }
    (void)fail_system(path, place, problems);
    if (is_bound)
        unlink(address.sun_path);
    if (descriptor >= 0)
        close(descriptor);
    return false;
}

bool unix_socket_publish(const char *path)
{
    struct sockaddr_un address;
    return preliminary_address(path, &address) && rename(address.sun_path, path) == 0;
}

static void file_remove(const char *path, dev_t device, ino_t inode)
{
    struct stat found;
    if (lstat(path, &found) == 0 && found.st_dev == device && found.st_ino == inode)
        unlink(path);
}

void unix_socket_remove(const char *path, dev_t device, ino_t inode)
{
    struct sockaddr_un address;
    file_remove(path, device, inode);
    if (preliminary_address(path, &address))
        file_remove(address.sun_path, device, inode);
}
