/* All workers, and the errands that the controller sends them on. */
#include "worker/crew.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread_census.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

static bool crew_init_workers(struct crew *crew)
{
    /* All of them first, so that crew_free finds them in order. */
    for (uint32_t i = 0; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        memset(worker, 0, sizeof(*worker));
        worker->index = i;
        worker->crew = crew;
        worker->wake_descriptor = -1;
        mailbox_init(&worker->mailbox);
    }
    for (uint32_t i = 0; i < crew->count; i++) {
        crew->workers[i].wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (crew->workers[i].wake_descriptor < 0)
            return false;
    }
    return true;
}

static void *thread_nothing(void *data)
{
    return data;
}

/* Before any plugin is loaded: ThreadSanitizer starts a thread of its own with the first that we start, which must not
 * be taken for a plugin's. */
static bool threads_can_be_started(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, thread_nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

struct crew *crew_new(struct broker *broker)
{
    struct crew *crew = mem_alloc_zero(1, sizeof(*crew));
    if (crew == NULL)
        return NULL;
    crew->broker = broker;
    atomic_init(&crew->waiting, 0);
    crew->done_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    crew->mails = mem_alloc_zero(broker->worker_count, sizeof(*crew->mails));
    crew->workers = mem_alloc_aligned(alignof(struct worker), broker->worker_count * sizeof(struct worker));
    if (crew->workers != NULL)
        crew->count = broker->worker_count;
    if (crew->done_descriptor >= 0 && crew->mails != NULL && crew->workers != NULL && crew_init_workers(crew) &&
        threads_can_be_started()) {
        broker->upper = crew;
        return crew;
    }
    crew_free(crew);
    return NULL;
}

void crew_report(struct crew *crew)
{
    if (atomic_fetch_sub_explicit(&crew->waiting, 1, memory_order_acq_rel) != 1)
        return;
    const uint64_t one = 1;
    ssize_t written = write(crew->done_descriptor, &one, sizeof(one));
    (void)written; /* the counter can't be full: it is read after each errand */
}

void crew_finish(struct crew *crew)
{
    uint64_t count;
    if (read(crew->done_descriptor, &count, sizeof(count)) == (ssize_t)sizeof(count))
        crew->is_busy = false;
}

static void crew_wait(struct crew *crew)
{
    while (crew->is_busy) {
        struct pollfd done = {.fd = crew->done_descriptor, .events = POLLIN};
        if (poll(&done, 1, -1) > 0)
            crew_finish(crew);
    }
}

/* Threads of ours leave all signals to the main thread. */
static bool crew_start_threads(struct crew *crew)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = true;
    for (uint32_t i = 0; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        thread_census_add(1);
        worker->has_thread = pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
        if (worker->has_thread)
            continue;
        thread_census_add(-1);
        is_started = false;
        crew_report(crew);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

bool crew_start(struct crew *crew, struct generation *generation)
{
    crew->first_generation = generation;
    crew->is_busy = true;
    atomic_store_explicit(&crew->waiting, crew->count, memory_order_release);
    bool is_ready = crew_start_threads(crew);
    crew_wait(crew);
    for (uint32_t i = 0; i < crew->count; i++)
        is_ready = is_ready && crew->workers[i].is_ready;
    crew->is_running = is_ready;
    if (!is_ready)
        crew_end(crew);
    return is_ready;
}

static void raise_to(atomic_uint_fast64_t *most, uint64_t value)
{
    uint_fast64_t before = atomic_load_explicit(most, memory_order_relaxed);
    while (value > before &&
           !atomic_compare_exchange_weak_explicit(most, &before, value, memory_order_relaxed, memory_order_relaxed))
        continue;
}

/* How often this thread has gone to sleep, for a lock, a page or whatever. */
static long thread_waits(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static void crew_mail_handle(struct shard *shard, struct shard_mail *mail)
{
    (void)shard;
    struct worker *worker = ((struct crew_mail *)(void *)mail)->worker;
    struct crew *crew = worker->crew;
    long waits = thread_waits();
    uint64_t began_ns = clock_now_ns(), processor_began_ns = clock_thread_ns();
    bool is_done = crew->errand(worker, crew->errand_data);
    uint64_t processor_ns = clock_thread_ns() - processor_began_ns, time_ns = clock_now_ns() - began_ns;
    raise_to(&crew->stop_own_ns, thread_waits() != waits ? time_ns : processor_ns);
    raise_to(&crew->stop_time_ns, time_ns);
    if (is_done)
        crew_report(crew);
}

struct crew_stop crew_take_stop(struct crew *crew)
{
    return (struct crew_stop){.time_ns = atomic_exchange_explicit(&crew->stop_time_ns, 0, memory_order_relaxed),
                              .own_ns = atomic_exchange_explicit(&crew->stop_own_ns, 0, memory_order_relaxed)};
}

static void crew_send_to(struct crew *crew, uint32_t index)
{
    struct crew_mail *mail = &crew->mails[index];
    mail->mail.handle = crew_mail_handle;
    mail->worker = &crew->workers[index];
    struct mail_chain chain = {0};
    mail_chain_append(&chain, &mail->mail.mail);
    worker_receive(mail->worker, &chain);
}

void crew_send(struct crew *crew, crew_errand *errand, void *data)
{
    crew->errand = errand;
    crew->errand_data = data;
    crew->is_busy = true;
    atomic_store_explicit(&crew->waiting, crew->count, memory_order_release);
    for (uint32_t i = 0; i < crew->count; i++)
        crew_send_to(crew, i);
}

void crew_send_and_wait(struct crew *crew, crew_errand *errand, void *data)
{
    crew_send(crew, errand, data);
    crew_wait(crew);
}

static bool worker_leave(struct worker *worker, void *data)
{
    (void)data;
    ev_break(worker->loop, EVBREAK_ALL);
    return true;
}

void crew_end(struct crew *crew)
{
    crew->errand = worker_leave;
    atomic_store_explicit(&crew->waiting, crew->count + 1, memory_order_release); /* nobody waits for reports */
    for (uint32_t i = 0; i < crew->count; i++) {
        struct worker *worker = &crew->workers[i];
        if (!worker->has_thread)
            continue;
        crew_send_to(crew, i);
        pthread_join(worker->thread, NULL);
        thread_census_add(-1);
        worker->has_thread = false;
    }
    crew->is_running = false;
}

void crew_take_mail(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++) {
        if (crew->workers[i].shard != NULL)
            worker_take_mail(&crew->workers[i]);
    }
}

void crew_free(struct crew *crew)
{
    if (crew == NULL)
        return;
    for (uint32_t i = 0; i < crew->count; i++)
        worker_deinit(&crew->workers[i]);
    if (crew->done_descriptor >= 0)
        close(crew->done_descriptor);
    mem_free(crew->workers);
    mem_free(crew->mails);
    mem_free(crew);
}

void crew_post_any(struct broker *broker, uint32_t index, struct shard_mail *mail)
{
    struct crew *crew = broker->upper;
    struct mail_chain chain = {0};
    mail_chain_append(&chain, &mail->mail);
    worker_receive(crew_worker(crew, index), &chain);
}
