/* graftmq-plugin-host: started by the broker for a plugin with "isolate", by nobody else. */
#include "base/memory.h"
#include "host/host.h"
#include "plugin/library.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct host host = {.control = MESSAGE_CONTROL_DESCRIPTOR, .requests = -1, .request_lock = PTHREAD_MUTEX_INITIALIZER};

enum { DESCRIPTORS_MAX = CONFIG_WORKERS_MAX + 1, NOTHING_TO_DO = 2 };

/* What BEGIN says, and what is made of it. */
struct beginning {
    struct buffer message;
    int descriptors[DESCRIPTORS_MAX];
    size_t descriptor_count;
    char *name;
    char *path;
    struct config config;
    struct config_plugin definition;
    struct library_copy copy;
    struct problems problems;
};

static struct beginning beginning;

/* The header, with which the sockets come. */
static bool sockets_read(struct message_header *header)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(beginning.descriptors))];
    } ancillary;
    struct iovec bytes = {.iov_base = header, .iov_len = sizeof *header};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
    ssize_t count;
    do {
        count = recvmsg(host.control, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    } while (count < 0 && errno == EINTR);
    const struct cmsghdr *rights = count == (ssize_t)sizeof *header ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights == NULL || rights->cmsg_type != SCM_RIGHTS || header->kind != MESSAGE_BEGIN)
        return false;
    beginning.descriptor_count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(beginning.descriptors, CMSG_DATA(rights), beginning.descriptor_count * sizeof(int));
    return true;
}

static bool fields_read(const struct message_header *header)
{
    size_t length = header->length - sizeof *header;
    uint8_t *bytes = buffer_reserve(&beginning.message, length);
    size_t got = 0;
    while (bytes != NULL && got < length) {
        ssize_t count = recv(host.control, bytes + got, length - got, 0);
        if (count <= 0 && errno != EINTR)
            return false;
        got += count > 0 ? (size_t)count : 0;
    }
    beginning.message.length = got;
    return bytes != NULL;
}

static void lanes_init(void)
{
    size_t next = 1;
    for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++) {
        struct lane *lane = &host.lanes[i];
        bool is_served = i < host.worker_count && i % host.processes == host.number;
        lane->worker = i;
        lane->descriptor = is_served && next < beginning.descriptor_count ? beginning.descriptors[next++] : -1;
        buffer_init(&lane->in);
        buffer_init(&lane->out);
        buffer_init(&lane->reply);
        buffer_init(&lane->scratch);
        list_init(&lane->deferred);
        list_init(&lane->timers);
        list_init(&lane->watches);
        pthread_mutex_init(&lane->lock, NULL);
    }
}

static bool begin_read(void)
{
    struct message_header header = {0};
    if (!sockets_read(&header) || !fields_read(&header))
        return false;
    struct record_reader reader = record_reader_make(beginning.message.bytes, beginning.message.length);
    if (record_read_u32(&reader) != MESSAGE_PROTOCOL)
        return false;
    gmq_view name = record_read_view(&reader), path = record_read_view(&reader), copy = record_read_view(&reader);
    gmq_view settings = record_read_view(&reader);
    host.worker_count = record_read_u32(&reader);
    host.number = record_read_u32(&reader);
    host.processes = record_read_u32(&reader);
    if (!record_is_whole(&reader) || host.processes == 0 || beginning.descriptor_count == 0)
        return false;
    host.requests = beginning.descriptors[0];
    beginning.name = mem_copy_text(name.data, name.length);
    beginning.path = mem_copy_text(path.data, path.length);
    beginning.copy = (struct library_copy){.path = mem_copy_text(copy.data, copy.length), .is_borrowed = true};
    beginning.definition = (struct config_plugin){
        .name = beginning.name, .path = beginning.path, .settings = settings_parse(settings), .is_sound = true};
    beginning.definition.place.path = beginning.name;
    beginning.config.file = beginning.path;
    lanes_init();
    return beginning.name != NULL && beginning.path != NULL && beginning.copy.path != NULL &&
           beginning.definition.settings != NULL;
}

/* ---- the plugin ---- */

static bool export_add(const char *symbol, void *data)
{
    (void)data;
    const gmq_record *record = plugin_record(host.plugin, symbol + sizeof("gmq_exported_") - 1);
    const gmq_record **grown = mem_realloc(host.records, (host.record_count + 1) * sizeof(const gmq_record *));
    if (record == NULL || grown == NULL)
        return true; /* what is no record can't be on a route */
    host.records = grown;
    host.records[host.record_count++] = record;
    return true;
}

static bool plugin_map(void)
{
    struct library *library = library_open(&beginning.copy, beginning.path, beginning.name, &beginning.problems);
    if (library == NULL)
        return false;
    host.plugin = plugin_open(&beginning.config, &beginning.definition, library, NULL, NULL, &beginning.problems);
    if (host.plugin == NULL) {
        library_close(library);
        return false;
    }
    library_each_symbol(library, "gmq_exported_", export_add, NULL);
    return true;
}

static bool control_send(const struct buffer *out)
{
    return message_write(host.control, out, -1);
}

static bool hello_say(void)
{
    struct buffer out;
    buffer_init(&out);
    bool is_mapped = plugin_map() && host.plugin != NULL;
    const char *trouble = beginning.problems.count > 0 ? beginning.problems.lines[0] : "memory is out";
    size_t begin = message_begin(&out, MESSAGE_HELLO, 0);
    record_u32(&out, MESSAGE_PROTOCOL);
    record_view(&out, is_mapped ? GMQ_VIEW("") : gmq_view_of(trouble));
    if (is_mapped) {
        record_view(&out, gmq_view_of(host.plugin->descriptor->name));
        record_view(&out, gmq_view_of(host.plugin->descriptor->version));
        record_u32(&out, host.plugin->layouts.written);
        record_u32(&out, host.plugin->layouts.oldest);
        record_u32(&out, host.plugin->layouts.newest);
        record_u32(&out, host.record_count);
        for (uint32_t i = 0; i < host.record_count; i++) {
            record_u16(&out, host.records[i]->kind);
            record_u16(&out, host.records[i]->number);
            record_view(&out, gmq_view_of(host.records[i]->name));
        }
    }
    message_end(&out, begin);
    bool is_said = control_send(&out);
    buffer_deinit(&out);
    return is_said && is_mapped;
}

static bool lanes_start(void)
{
    bool is_started = true;
    for (uint32_t i = 0; i < host.worker_count; i++) {
        if (host.lanes[i].descriptor >= 0)
            is_started = lane_start(&host.lanes[i]) && is_started;
    }
    return is_started;
}

static bool load(void)
{
    struct gmq_plugin *plugin = host.plugin;
    gmq_status status = plugin->descriptor->load != NULL ? plugin->descriptor->load(plugin) : GMQ_OK;
    plugin->is_loaded = status == GMQ_OK;
    if (status == GMQ_OK && !lanes_start())
        status = GMQ_ERROR_SYSTEM;
    struct buffer out;
    buffer_init(&out);
    size_t begin = message_begin(&out, MESSAGE_LOADED, 0);
    record_u32(&out, status);
    message_end(&out, begin);
    bool is_said = control_send(&out);
    buffer_deinit(&out);
    return is_said;
}

/* The broker has closed the lanes, or is about to. */
static void unload(void)
{
    for (uint32_t i = 0; i < host.worker_count; i++)
        lane_await_end(&host.lanes[i]);
    jobs_await();
    plugin_close(host.plugin);
    for (uint32_t i = 0; i < host.worker_count; i++)
        lane_free(&host.lanes[i]);
    posted_free();
}

static void free_rest(void)
{
    buffer_deinit(&beginning.message);
    buffer_deinit(&host.request);
    buffer_deinit(&host.request_reply);
    mem_free(host.records);
    mem_free(beginning.name);
    mem_free(beginning.path);
    settings_free(beginning.definition.settings);
    problems_deinit(&beginning.problems);
}

/* Ends with the broker, whatever that ends by, and has nothing of its descriptors but the one. */
static void process_prepare(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    close_range(MESSAGE_CONTROL_DESCRIPTOR + 1, ~0U, 0);
    fcntl(host.control, F_SETFD, FD_CLOEXEC);
    buffer_init(&beginning.message);
    buffer_init(&host.request);
    buffer_init(&host.request_reply);
}

static int serve(void)
{
    struct message_header header;
    struct buffer in;
    buffer_init(&in);
    while (message_read(host.control, &in, &header)) {
        if (header.kind == MESSAGE_LOAD && load())
            continue;
        buffer_deinit(&in);
        if (header.kind != MESSAGE_UNLOAD)
            return 1;
        unload();
        free_rest();
        return 0;
    }
    _exit(1); /* the broker has gone: nobody is left to end in order for */
}

int main(int argc, char **argv)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    (void)argv;
    mem_settle();
    if (argc != 2 || getpeername(MESSAGE_CONTROL_DESCRIPTOR, (struct sockaddr *)&peer, &length) != 0) {
        fprintf(stderr, "graftmq-plugin-host: the broker starts it for a plugin with \"isolate\"; there is nothing to "
                        "do otherwise\n");
        return NOTHING_TO_DO;
    }
    process_prepare();
    if (!begin_read() || !hello_say())
        return 1;
    return serve();
}
