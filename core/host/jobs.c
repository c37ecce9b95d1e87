/* Blocking work of the plugin, in a few threads of this process. */
#include "base/memory.h"
#include "host/host.h"

enum { THREADS_MAX = 4, WAITING_MAX = 10000 };

struct job {
    struct lane_mail mail; /* when it is done */
    struct job *next;
    struct lane *lane;
    gmq_job_function *work;
    gmq_posted_function *done;
    void *data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct job *first, *last;
static uint32_t waiting, idle;
static pthread_t threads[THREADS_MAX];
static uint32_t thread_count;
static bool is_ending;

static void job_done(struct lane *lane, struct lane_mail *mail)
{
    struct job *job = LIST_OBJECT(mail, struct job, mail);
    struct invocation *invocation = lane != NULL && job->done != NULL ? invocation_begin(lane) : NULL;
    if (invocation != NULL) {
        job->done(&invocation->call, job->data);
        invocation_end(lane, invocation);
    }
    mem_free(job);
}

/* The next one; NULL when there will be none. */
static struct job *job_take(void)
{
    pthread_mutex_lock(&lock);
    idle++;
    while (first == NULL && !is_ending)
        pthread_cond_wait(&changed, &lock);
    idle--;
    struct job *job = first;
    if (job != NULL) {
        first = job->next;
        waiting--;
    }
    pthread_mutex_unlock(&lock);
    return job;
}

static void *work_off(void *data)
{
    struct job *job;
    while ((job = job_take()) != NULL) {
        job->work(job->data);
        lane_post(job->lane, &job->mail);
    }
    return data;
}

/* Under the lock. False: there is no thread at all. */
static bool thread_add(void)
{
    if (idle == 0 && thread_count < THREADS_MAX && pthread_create(&threads[thread_count], NULL, work_off, NULL) == 0)
        thread_count++;
    return thread_count > 0;
}

gmq_status jobs_start(struct lane *lane, gmq_job_function *work, gmq_posted_function *done, void *data)
{
    struct job *job = mem_alloc_zero(1, sizeof *job);
    if (job == NULL)
        return GMQ_ERROR_MEMORY;
    *job = (struct job){.mail = {.handle = job_done}, .lane = lane, .work = work, .done = done, .data = data};
    pthread_mutex_lock(&lock);
    gmq_status status = waiting >= WAITING_MAX ? GMQ_ERROR_LIMIT : thread_add() ? GMQ_OK : GMQ_ERROR_SYSTEM;
    if (status == GMQ_OK) {
        if (first == NULL)
            first = job;
        else
            last->next = job;
        last = job;
        waiting++;
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    if (status != GMQ_OK)
        mem_free(job);
    return status;
}

void jobs_await(void)
{
    pthread_mutex_lock(&lock);
    is_ending = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (uint32_t i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    thread_count = 0;
}

gmq_status gmq_job_start(gmq_call *call, gmq_job_function *work, gmq_posted_function *done, void *data)
{
    return work != NULL ? jobs_start(lane_of(call), work, done, data) : GMQ_ERROR_ARGUMENT;
}
