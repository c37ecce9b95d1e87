/* The way to the broker. */
#include "link.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVICE_PATH "/run/graftmq/control"
#define FOLDER_PREFIX "graftmq-"
#define FILE_NAME "control"

enum { PROTOCOL_VERSION = 1, FOUND_MAX = 64, LINK_READ_SIZE = 64 * 1024 };

static FILE *incoming;
static int outgoing = -1;
static char *line;
static size_t line_size;

_Noreturn void fail(int code, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fputs("graftctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(code);
}

/* A connected socket, or -1: errno says why. */
static int path_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 && connect(descriptor, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0)
        return descriptor;
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = reason;
    return -1;
}

/* ---- looking for brokers ---- */

struct found {
    char *paths[FOUND_MAX];
    size_t count;
    bool is_forbidden; /* there seems to be one of another user */
};

/* Sockets that nobody listens on are left over. */
static void found_try(struct found *found, const char *path)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->paths[i], path) == 0)
            return;
    }
    int descriptor = path_connect(path);
    if (descriptor < 0) {
        found->is_forbidden |= errno == EACCES;
        return;
    }
    close(descriptor);
    if (found->count < FOUND_MAX)
        found->paths[found->count++] = strdup(path);
}

/* The folders of private files that brokers have made here. */
static void found_search(struct found *found, const char *parent)
{
    char path[PATH_MAX];
    DIR *list = opendir(parent);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
            continue;
        int length = snprintf(path, sizeof(path), "%s/%s/" FILE_NAME, parent, entry->d_name);
        struct stat status;
        if (length <= 0 || (size_t)length >= sizeof(path) || lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
            continue;
        /* Anybody can put a socket there: root must not take another user's for a broker without having named it. */
        if (status.st_uid == geteuid())
            found_try(found, path);
        else
            found->is_forbidden = true;
    }
    if (list != NULL)
        closedir(list);
}

static void found_search_all(struct found *found)
{
    static const char *const variables[] = {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"};
    found_try(found, SERVICE_PATH);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *parent = getenv(variables[i]);
        if (parent != NULL && parent[0] == '/')
            found_search(found, parent);
    }
    found_search(found, "/tmp");
}

static char *broker_find(void)
{
    struct found found = {0};
    found_search_all(&found);
    if (found.count == 1)
        return found.paths[0];
    if (found.count == 0)
        fail(EXIT_NO_BROKER, "no broker%s was found; name its socket: --control PATH",
             found.is_forbidden ? " of this user" : "");
    fprintf(stderr, "graftctl: several brokers run here; choose one:\n");
    for (size_t i = 0; i < found.count; i++)
        fprintf(stderr, "  --control %s\n", found.paths[i]);
    exit(EXIT_USAGE);
}

void link_open(const char *path)
{
    const char *variable = getenv("GRAFTMQ_CONTROL");
    if (path == NULL && variable != NULL && variable[0] != '\0')
        path = variable;
    char *searched = path == NULL ? broker_find() : NULL;
    path = path != NULL ? path : searched;
    outgoing = path_connect(path);
    if (outgoing < 0)
        fail(EXIT_NO_BROKER, "no broker answers on %s: %s", path, strerror(errno));
    incoming = fdopen(outgoing, "r");
    free(searched);
    if (incoming == NULL)
        fail(EXIT_NO_BROKER, "%s", strerror(errno));
}

void link_close(void)
{
    free(line);
    line = NULL;
    if (incoming != NULL)
        fclose(incoming);
    incoming = NULL;
}

void link_send(json_t *request)
{
    json_object_set_new(request, "version", json_integer(PROTOCOL_VERSION));
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (text == NULL)
        fail(EXIT_USAGE, "the name is no UTF-8 text");
    size_t length = strlen(text);
    text[length++] = '\n'; /* in place of the end */
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(outgoing, text + sent, length - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR)
            break; /* what the broker had to say is read next */
        sent += count > 0 ? (size_t)count : 0;
    }
    free(text);
}

json_t *link_receive(const char **text)
{
    ssize_t length = getline(&line, &line_size, incoming);
    if (length < 0)
        fail(EXIT_NO_BROKER, "the broker has ended the connection before it answered");
    json_t *parsed = json_loadb(line, (size_t)length, JSON_ALLOW_NUL, NULL);
    if (parsed == NULL)
        fail(EXIT_NO_BROKER, "what answers there is no broker: it sent no JSON");
    *text = line;
    return parsed;
}

bool line_is(const json_t *parsed, const char *type)
{
    return strcmp(line_text(parsed, "type"), type) == 0;
}

const char *line_text(const json_t *parsed, const char *key)
{
    const char *text = json_string_value(json_object_get(parsed, key));
    return text != NULL ? text : "";
}
