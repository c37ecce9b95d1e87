/* The supervisor of a plugin's process: a thread that starts it, answers it, notices when it crashes or hangs, and
 * starts it anew. It is the process's parent for all of its life, so that the process ends with the broker
 * (PR_SET_PDEATHSIG counts from the thread that has started it). */
#include "base/clock.h"
#include "base/log.h"
#include "base/thread_census.h"
#include "isolate/isolated.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BACK_OFF_FIRST_MS = 100,
    BACK_OFF_MOST_MS = 30000,
    MESSAGES_PER_TURN = 64,
    READ_SIZE = 16384,
    LOOK_MOST_MS = 500, /* between looks at whether it hangs */
    LANES_LEAVE_MS = 2000,
    LAST_MOMENT_MS = 100,
    WRITE_LIMIT_MS = 1000,
    BLIND_WAIT_MS = 20 /* where the kernel has no descriptor for a process */
};

/* Who has served this long is no worse than one that was never started anew. */
#define WELL_AFTER_NS (60 * CLOCK_NS_PER_SECOND)

static const char *subject_of(const struct process *process)
{
    return process->isolated->plugin->log_subject;
}

static void state_set(struct process *process, enum process_state state, uint64_t limit_ms)
{
    pthread_mutex_lock(&process->lock);
    process->state = state;
    pthread_mutex_unlock(&process->lock);
    process->deadline_ns = limit_ms == 0 ? UINT64_MAX : clock_now_ns() + limit_ms * CLOCK_NS_PER_MS;
}

/* The controller has its answer: nothing is wrong so far, or what `problem` says. */
static void controller_answer(struct process *process, const char *problem)
{
    pthread_mutex_lock(&process->lock);
    if (!process->is_over && problem != NULL)
        snprintf(process->problem, sizeof process->problem, "%s", problem);
    process->is_over = true;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
}

static void kill_it(struct process *process)
{
    process->is_killed = true;
    kill(process->pid, SIGKILL);
}

/* ---- birth ---- */

static void channel_close(struct channel *channel)
{
    if (channel->descriptor >= 0)
        close(channel->descriptor);
    channel->descriptor = -1;
    buffer_clear(&channel->in);
}

static void ends_close(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    process->epoch = 0;
    for (size_t i = 0; i < BROKER_WORKERS_MAX; i++) {
        if (process->ends[i] >= 0)
            close(process->ends[i]);
        process->ends[i] = -1;
    }
    pthread_mutex_unlock(&process->lock);
}

static void start(struct process *process)
{
    process->is_killed = false;
    process->condemned_ns = UINT64_MAX;
    process->last_epoch++;
    state_set(process, PROCESS_STARTING, process->isolated->config.start_ms);
    int reason = process_spawn(process);
    if (reason == 0) {
        atomic_store(&process->number_shown, process->pid);
        return;
    }
    char problem[320];
    snprintf(problem, sizeof problem, "its process (%s) can't be started: %s", process->isolated->program,
             strerror(reason));
    log_write(GMQ_LOG_ERROR, subject_of(process), "%s", problem);
    controller_answer(process, problem);
    if (process->pid != 0)
        kill_it(process);
}

static bool load(struct process *process)
{
    struct buffer *out = &process->out;
    buffer_clear(out);
    message_end(out, message_begin(out, MESSAGE_LOAD, 0));
    state_set(process, PROCESS_LOADING, process->isolated->config.start_ms);
    return message_write(process->control.descriptor, out, WRITE_LIMIT_MS);
}

/* The workers may have its lanes now. */
static void serve(struct process *process)
{
    const struct isolated *isolated = process->isolated;
    bool is_restart = process->last_epoch > 1;
    process->served_ns = clock_now_ns();
    state_set(process, PROCESS_SERVING, 0);
    pthread_mutex_lock(&process->lock);
    process->is_condemned = false;
    process->epoch = process->last_epoch;
    process->has_served = true;
    pthread_mutex_unlock(&process->lock);
    for (uint32_t i = process->number; i < isolated->worker_count; i += isolated->config.processes)
        lane_look(&isolated->lanes[i]);
    controller_answer(process, NULL);
    if (is_restart)
        log_write(GMQ_LOG_NOTICE, subject_of(process), "process %d serves in its stead", (int)process->pid);
}

static bool take_hello(struct process *process, struct record_reader *reader)
{
    char problem[480] = "";
    if (process->state != PROCESS_STARTING)
        return false;
    bool is_sound = isolated_take_hello(process->isolated, reader, problem, sizeof problem);
    if (!is_sound) {
        controller_answer(process, problem);
        log_write(GMQ_LOG_ERROR, subject_of(process), "its process can't serve: %s", problem);
        return false;
    }
    bool has_served = process->has_served;
    state_set(process, PROCESS_READY, 0);
    if (has_served)
        return load(process);
    controller_answer(process, NULL);
    return true;
}

static bool take_loaded(struct process *process, struct record_reader *reader)
{
    uint32_t status = record_read_u32(reader);
    if (process->state != PROCESS_LOADING || reader->is_bad)
        return false;
    if (status == GMQ_OK) {
        serve(process);
        return true;
    }
    process->load_status = (gmq_status)status;
    if (process->has_served)
        log_write(GMQ_LOG_ERROR, subject_of(process), "its load function refuses now (%u)", status);
    state_set(process, PROCESS_READY, 0); /* its end is near */
    controller_answer(process, "refuses");
    return !process->has_served;
}

static bool control_take(struct process *process, const struct message_header *header, struct record_reader *reader)
{
    if (header->kind == MESSAGE_HELLO)
        return take_hello(process, reader);
    return header->kind == MESSAGE_LOADED && take_loaded(process, reader);
}

/* ---- life ---- */

typedef bool take_function(struct process *process, const struct message_header *header, struct record_reader *reader);

static bool channel_take(struct process *process, struct channel *channel, take_function *take)
{
    struct message_header header;
    bool is_bad = false;
    size_t taken = 0;
    while (!is_bad && message_peek(channel->in.bytes + taken, channel->in.length - taken, &header, &is_bad)) {
        struct record_reader reader = message_reader(channel->in.bytes + taken, &header);
        is_bad = !take(process, &header, &reader);
        taken += header.length;
    }
    channel->in.length -= taken;
    if (taken > 0 && channel->in.length > 0)
        memmove(channel->in.bytes, channel->in.bytes + taken, channel->in.length);
    return !is_bad;
}

/* Not collected, so that its number stays its own until its group was ended. */
static bool has_ended(const struct process *process)
{
    siginfo_t information = {0};
    if (waitid(P_PID, (id_t)process->pid, &information, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD;
    return information.si_pid == process->pid;
}

/* A process that ends closes its channels a little before it has ended: that is given a moment to be seen. */
static void condemn(struct process *process)
{
    if (process->condemned_ns == UINT64_MAX)
        process->condemned_ns = clock_now_ns() + LAST_MOMENT_MS * CLOCK_NS_PER_MS;
}

static void look_at_condemned(struct process *process)
{
    if (process->is_killed || process->state != PROCESS_SERVING || clock_now_ns() < process->condemned_ns ||
        has_ended(process))
        return;
    log_write(GMQ_LOG_ERROR, subject_of(process), "process %d has closed a channel, or spoiled it: it is killed",
              (int)process->pid);
    kill_it(process);
}

static void channel_hear(struct process *process, struct channel *channel, take_function *take)
{
    uint8_t *room = buffer_reserve(&channel->in, READ_SIZE);
    ssize_t count = room != NULL ? recv(channel->descriptor, room, READ_SIZE, MSG_DONTWAIT) : 0;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count > 0) {
        channel->in.length += (size_t)count;
        if (channel_take(process, channel, take))
            return;
        if (!process->is_killed && process->state == PROCESS_SERVING)
            log_write(GMQ_LOG_ERROR, subject_of(process), "its process sent what is no sound message: it is ended");
        kill_it(process);
    }
    channel_close(channel);
    if (process->state == PROCESS_SERVING)
        condemn(process);
}

/* How long the lane that waits longest has heard nothing from a process that owes it an answer. */
static uint64_t silence_ns(const struct process *process)
{
    const struct isolated *isolated = process->isolated;
    uint64_t now_ns = clock_now_ns(), longest_ns = 0;
    for (uint32_t i = process->number; i < isolated->worker_count; i += isolated->config.processes) {
        uint64_t since_ns = atomic_load_explicit(&isolated->lanes[i].silent_since_ns, memory_order_relaxed);
        if (since_ns != 0 && now_ns > since_ns && now_ns - since_ns > longest_ns)
            longest_ns = now_ns - since_ns;
    }
    return longest_ns;
}

static void look_for_hang(struct process *process)
{
    uint64_t limit_ms = process->isolated->config.hang_ms;
    uint64_t silent_ms = silence_ns(process) / CLOCK_NS_PER_MS;
    if (process->state != PROCESS_SERVING || process->is_killed || silent_ms < limit_ms)
        return;
    log_write(GMQ_LOG_ERROR, subject_of(process),
              "process %d hangs: it has not answered for %llu ms (isolate.hang_ms is %llu): it is killed",
              (int)process->pid, (unsigned long long)silent_ms, (unsigned long long)limit_ms);
    kill_it(process);
}

static void look_at_deadline(struct process *process)
{
    if (process->is_killed || clock_now_ns() < process->deadline_ns)
        return;
    char problem[160];
    snprintf(problem, sizeof problem,
             process->state == PROCESS_ENDING
                 ? "its process did not end within %u ms after it was told to: it is killed"
                 : "its process was not ready within %u ms (isolate.start_ms): it is killed",
             process->state == PROCESS_ENDING ? process->isolated->config.hang_ms : process->isolated->config.start_ms);
    log_write(GMQ_LOG_ERROR, subject_of(process), "%s", problem);
    controller_answer(process, problem);
    kill_it(process);
}

static void end_begin(struct process *process)
{
    struct buffer *out = &process->out;
    buffer_clear(out);
    message_end(out, message_begin(out, MESSAGE_UNLOAD, 0));
    ends_close(process);
    state_set(process, PROCESS_ENDING, process->isolated->config.hang_ms);
    if (!message_write(process->control.descriptor, out, WRITE_LIMIT_MS))
        kill_it(process);
}

static void take_orders(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    bool is_load = process->is_load_wanted && process->state == PROCESS_READY;
    bool is_end = process->is_end_wanted && process->state != PROCESS_ENDING;
    process->is_load_wanted = process->is_load_wanted && !is_load;
    bool is_condemned = process->is_condemned;
    process->is_condemned = false;
    pthread_mutex_unlock(&process->lock);
    if (is_condemned && process->state == PROCESS_SERVING)
        condemn(process);
    if (is_end)
        end_begin(process);
    else if (is_load && !load(process))
        kill_it(process);
}

static int turn_limit_ms(const struct process *process)
{
    uint64_t now_ns = clock_now_ns(), limit_ms = process->isolated->config.hang_ms / 4 + 1;
    limit_ms = limit_ms < LOOK_MOST_MS ? limit_ms : LOOK_MOST_MS;
    if (process->handle < 0 || process->condemned_ns != UINT64_MAX)
        limit_ms = BLIND_WAIT_MS;
    if (process->deadline_ns <= now_ns)
        return 0;
    uint64_t left_ms = (process->deadline_ns - now_ns) / CLOCK_NS_PER_MS + 1;
    return (int)(left_ms < limit_ms ? left_ms : limit_ms);
}

static void wake_take(const struct process *process)
{
    uint64_t count;
    ssize_t got = read(process->wake, &count, sizeof count);
    (void)got;
}

/* A broker that was itself stopped for a while must not blame the process: the clock went on for both. */
static void turn(struct process *process)
{
    int limit_ms = process->is_killed ? BLIND_WAIT_MS : turn_limit_ms(process);
    struct pollfd watched[] = {{.fd = process->wake, .events = POLLIN},
                               {.fd = process->handle, .events = POLLIN},
                               {.fd = process->control.descriptor, .events = POLLIN},
                               {.fd = process->requests.descriptor, .events = POLLIN}};
    uint64_t begin_ns = clock_now_ns();
    poll(watched, sizeof watched / sizeof *watched, limit_ms);
    bool has_overslept = clock_now_ns() - begin_ns > ((uint64_t)limit_ms + LOOK_MOST_MS) * CLOCK_NS_PER_MS;
    if ((watched[0].revents & POLLIN) != 0)
        wake_take(process);
    if (watched[3].revents != 0)
        channel_hear(process, &process->requests, request_take);
    if (watched[2].revents != 0)
        channel_hear(process, &process->control, control_take);
    take_orders(process);
    if (has_overslept)
        return;
    look_at_condemned(process);
    look_for_hang(process);
    look_at_deadline(process);
}

/* ---- death ---- */

static void describe_end(char *text, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "ended with exit code %d", WEXITSTATUS(status));
}

/* The workers see the end of their lanes, each in its turn, and settle what the process has left. Returns the number
 * of calls. */
static uint64_t lanes_leave(struct process *process)
{
    const struct isolated *isolated = process->isolated;
    struct timespec limit;
    ends_close(process);
    for (uint32_t i = process->number; i < isolated->worker_count; i += isolated->config.processes)
        lane_look(&isolated->lanes[i]);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LANES_LEAVE_MS / 1000;
    pthread_mutex_lock(&process->lock);
    while (process->attached != 0 && !process->is_end_wanted &&
           pthread_cond_timedwait(&process->changed, &process->lock, &limit) == 0) {
    }
    uint64_t lost = process->lost;
    process->lost = 0;
    pthread_mutex_unlock(&process->lock);
    return lost;
}

static void collect(struct process *process, int *status)
{
    pid_t collected;
    kill(-process->pid, SIGKILL);
    do {
        collected = waitpid(process->pid, status, 0);
    } while (collected < 0 && errno == EINTR);
    if (collected < 0)
        *status = 0;
    if (process->handle >= 0)
        close(process->handle);
    process->handle = -1;
    process->pid = 0;
    atomic_store(&process->number_shown, 0);
}

static void back_off_next(struct process *process)
{
    bool was_well = process->served_ns != 0 && clock_now_ns() - process->served_ns > WELL_AFTER_NS;
    uint64_t next_ms = process->back_off_ms * 2;
    process->back_off_ms = was_well || next_ms == 0 ? BACK_OFF_FIRST_MS : next_ms;
    if (process->back_off_ms > BACK_OFF_MOST_MS)
        process->back_off_ms = BACK_OFF_MOST_MS;
    process->served_ns = 0;
}

static void die(struct process *process)
{
    char how[128], problem[256];
    int status = 0;
    pid_t number = process->pid;
    bool is_end = process->state == PROCESS_ENDING, has_served = process->has_served;
    collect(process, &status);
    describe_end(how, sizeof how, status);
    uint64_t lost = is_end ? 0 : lanes_leave(process);
    channel_close(&process->control);
    channel_close(&process->requests);
    snprintf(problem, sizeof problem, "its process %s before it served", how);
    if (is_end && !process->is_killed && status != 0)
        log_write(GMQ_LOG_WARNING, subject_of(process), "process %d %s while it was unloaded", (int)number, how);
    if (!is_end)
        atomic_fetch_add(&process->faults, 1);
    if (!is_end && has_served) {
        back_off_next(process);
        log_write(GMQ_LOG_ERROR, subject_of(process),
                  "process %d %s: %llu calls had no answer yet; it is started again in %llu ms", (int)number, how,
                  (unsigned long long)lost, (unsigned long long)process->back_off_ms);
    }
    controller_answer(process, problem);
    state_set(process, PROCESS_DOWN, 0);
}

static bool is_end_wanted(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    bool is_wanted = process->is_end_wanted;
    pthread_mutex_unlock(&process->lock);
    return is_wanted;
}

/* False: it is to end. */
static bool wait_down(struct process *process, uint64_t limit_ms)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t until_ns = limit_ms == UINT64_MAX ? UINT64_MAX : now_ns + limit_ms * CLOCK_NS_PER_MS;
    for (; now_ns < until_ns && !is_end_wanted(process); now_ns = clock_now_ns()) {
        struct pollfd wake = {.fd = process->wake, .events = POLLIN};
        uint64_t left_ms = (until_ns - now_ns) / CLOCK_NS_PER_MS + 1;
        if (poll(&wake, 1, left_ms > INT32_MAX ? -1 : (int)left_ms) > 0)
            wake_take(process);
    }
    return !is_end_wanted(process);
}

static void *supervise(void *data)
{
    struct process *process = data;
    bool is_wanted = true;
    pthread_setname_np(pthread_self(), "graftmq-isolate");
    while (is_wanted) {
        start(process);
        while (process->pid != 0 && !has_ended(process))
            turn(process);
        if (process->pid != 0)
            die(process);
        else
            back_off_next(process);
        /* One that never served is the controller's affair: it refuses the configuration. */
        is_wanted = wait_down(process, process->has_served ? process->back_off_ms : UINT64_MAX);
    }
    ends_close(process);
    channel_close(&process->control);
    channel_close(&process->requests);
    return NULL;
}

/* ---- the controller's side ---- */

static void wake_up(const struct process *process)
{
    const uint64_t one = 1;
    ssize_t written = write(process->wake, &one, sizeof one);
    (void)written;
}

/* Threads of ours leave all signals to the main thread. */
static bool supervisor_start(struct process *process)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_census_add(1);
    process->has_supervisor = pthread_create(&process->supervisor, NULL, supervise, process) == 0;
    if (!process->has_supervisor)
        thread_census_add(-1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return process->has_supervisor;
}

bool process_begin(struct process *process, struct isolated *isolated, uint32_t number)
{
    *process = (struct process){.isolated = isolated,
                                .number = number,
                                .handle = -1,
                                .control = {.descriptor = -1},
                                .requests = {.descriptor = -1},
                                .deadline_ns = UINT64_MAX};
    buffer_init(&process->control.in);
    buffer_init(&process->requests.in);
    buffer_init(&process->out);
    for (size_t i = 0; i < BROKER_WORKERS_MAX; i++)
        process->ends[i] = -1;
    pthread_mutex_init(&process->lock, NULL);
    pthread_cond_init(&process->changed, NULL);
    process->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (process->wake >= 0 && supervisor_start(process))
        return true;
    snprintf(process->problem, sizeof process->problem, "its process can't be started: %s", strerror(errno));
    return false;
}

bool process_await_start(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    while (!process->is_over)
        pthread_cond_wait(&process->changed, &process->lock);
    bool is_sound = process->problem[0] == '\0';
    pthread_mutex_unlock(&process->lock);
    return is_sound;
}

bool process_load(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    /* It may have ended since it was ready. */
    bool is_there = process->state == PROCESS_READY;
    process->is_load_wanted = is_there;
    process->is_over = !is_there;
    if (!is_there)
        snprintf(process->problem, sizeof process->problem, "its process ended before it served");
    pthread_mutex_unlock(&process->lock);
    wake_up(process);
    return process_await_start(process);
}

void process_end(struct process *process)
{
    pthread_mutex_lock(&process->lock);
    process->is_end_wanted = true;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
    if (process->has_supervisor) {
        wake_up(process);
        pthread_join(process->supervisor, NULL);
        thread_census_add(-1);
    }
    if (process->wake >= 0)
        close(process->wake);
    buffer_deinit(&process->control.in);
    buffer_deinit(&process->requests.in);
    buffer_deinit(&process->out);
    pthread_cond_destroy(&process->changed);
    pthread_mutex_destroy(&process->lock);
}

/* ---- the workers' side ---- */

bool process_take_end(struct process *process, struct lane *lane)
{
    pthread_mutex_lock(&process->lock);
    int end = process->epoch != 0 ? process->ends[lane->worker] : -1;
    if (end >= 0) {
        process->ends[lane->worker] = -1;
        process->attached++;
        lane->descriptor = end;
        lane->epoch = process->epoch;
    }
    pthread_mutex_unlock(&process->lock);
    return end >= 0;
}

bool process_has_left(struct process *process, uint64_t epoch)
{
    pthread_mutex_lock(&process->lock);
    bool has_left = process->epoch != epoch;
    pthread_mutex_unlock(&process->lock);
    return has_left;
}

void process_condemn(struct process *process, uint64_t epoch)
{
    pthread_mutex_lock(&process->lock);
    process->is_condemned = process->is_condemned || process->epoch == epoch;
    pthread_mutex_unlock(&process->lock);
    wake_up(process);
}

void process_lane_left(struct process *process, uint32_t lost)
{
    pthread_mutex_lock(&process->lock);
    process->attached--;
    process->lost += lost;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
}
