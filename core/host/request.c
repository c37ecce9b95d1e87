/* Questions to the broker from any thread: one at a time, over a channel of their own. */
#include "host/host.h"

#include <unistd.h>

size_t request_begin(enum message_kind kind, uint64_t id)
{
    pthread_mutex_lock(&host.request_lock);
    buffer_clear(&host.request);
    return message_begin(&host.request, kind, id);
}

/* A broker that has gone answers nothing more; nor is there anything left to do for a plugin. */
static void end_with_broker(void)
{
    _exit(1);
}

bool request_send(size_t begin, bool is_answered, uint32_t *status, gmq_view *bytes)
{
    struct message_header header;
    message_end(&host.request, begin);
    if (host.request.is_failed)
        return false;
    if (!message_write(host.requests, &host.request, -1))
        end_with_broker();
    if (!is_answered)
        return true;
    if (!message_read(host.requests, &host.request_reply, &header))
        end_with_broker();
    struct record_reader reader = message_reader(host.request_reply.bytes, &header);
    *status = record_read_u32(&reader);
    *bytes = record_read_view(&reader);
    return record_is_whole(&reader);
}

void request_end(void)
{
    pthread_mutex_unlock(&host.request_lock);
}
