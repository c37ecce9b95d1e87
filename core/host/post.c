/* Functions run on another lane: at once, or by way of the broker, which alone knows where a client is. */
#include "base/memory.h"
#include "host/host.h"

/* A function on its way to a lane of this process. */
struct posted {
    struct lane_mail mail;
    gmq_posted_function *function;
    void *data;
};

/* The same, on its way through the broker. */
struct outbound {
    struct outbound *next;
    uint64_t token;
    gmq_posted_function *function;
    void *data;
};

static struct outbound *outbounds; /* under the lock */
static uint64_t last_token;
static pthread_mutex_t outbound_lock = PTHREAD_MUTEX_INITIALIZER;

static void posted_arrived(struct lane *lane, struct lane_mail *mail)
{
    struct posted *posted = LIST_OBJECT(mail, struct posted, mail);
    struct invocation *invocation = lane != NULL ? invocation_begin(lane) : NULL;
    if (invocation != NULL) {
        posted->function(&invocation->call, posted->data);
        invocation_end(lane, invocation);
    }
    mem_free(posted);
}

/* Each process has only some of the workers. */
gmq_status gmq_post(gmq_plugin *plugin, uint32_t worker, gmq_posted_function *function, void *data)
{
    (void)plugin;
    if (function == NULL || worker >= host.worker_count || host.lanes[worker].descriptor < 0)
        return GMQ_ERROR_ARGUMENT;
    struct posted *posted = mem_alloc_zero(1, sizeof *posted);
    if (posted == NULL)
        return GMQ_ERROR_MEMORY;
    posted->mail.handle = posted_arrived;
    posted->function = function;
    posted->data = data;
    lane_post(&host.lanes[worker], &posted->mail);
    return GMQ_OK;
}

/* Its token; 0: memory is out. It may be run, and freed, as soon as the broker knows the token. */
static uint64_t outbound_add(gmq_posted_function *function, void *data)
{
    struct outbound *outbound = mem_alloc_zero(1, sizeof *outbound);
    if (outbound == NULL)
        return 0;
    outbound->function = function;
    outbound->data = data;
    pthread_mutex_lock(&outbound_lock);
    uint64_t token = ++last_token;
    outbound->token = token;
    outbound->next = outbounds;
    outbounds = outbound;
    pthread_mutex_unlock(&outbound_lock);
    return token;
}

static struct outbound *outbound_take(uint64_t token)
{
    pthread_mutex_lock(&outbound_lock);
    struct outbound **place = &outbounds;
    while (*place != NULL && (*place)->token != token)
        place = &(*place)->next;
    struct outbound *outbound = *place;
    if (outbound != NULL)
        *place = outbound->next;
    pthread_mutex_unlock(&outbound_lock);
    return outbound;
}

gmq_status gmq_post_to_client(gmq_plugin *plugin, gmq_view client_identifier, gmq_posted_function *function, void *data)
{
    uint32_t status = GMQ_ERROR_MEMORY;
    gmq_view nothing;
    (void)plugin;
    if (function == NULL)
        return GMQ_ERROR_ARGUMENT;
    uint64_t token = outbound_add(function, data);
    if (token == 0)
        return GMQ_ERROR_MEMORY;
    size_t begin = request_begin(MESSAGE_POST_TO_CLIENT, token);
    record_view(&host.request, client_identifier);
    if (!request_send(begin, true, &status, &nothing))
        status = GMQ_ERROR_MEMORY;
    request_end();
    if (status != GMQ_OK)
        mem_free(outbound_take(token));
    return (gmq_status)status;
}

bool posted_run(struct invocation *invocation, uint64_t token)
{
    struct outbound *outbound = outbound_take(token);
    if (outbound == NULL)
        return false;
    outbound->function(&invocation->call, outbound->data);
    mem_free(outbound);
    return true;
}

void posted_free(void)
{
    while (outbounds != NULL)
        mem_free(outbound_take(outbounds->token));
}

uint32_t gmq_worker_count(const gmq_plugin *plugin)
{
    (void)plugin;
    return host.worker_count;
}
