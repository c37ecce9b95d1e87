/* Looks at what a plugin can change of its process, and tells two looks apart. */
#include "plugin/leavings.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAVINGS_ROUNDS = 100, LEAVINGS_PAUSE_US = 1000 };

/* Those that the controller serves, and those whose default would end or trouble the broker. */
static const int broker_signals[] = {SIGHUP, SIGTERM, SIGINT, SIGPIPE, SIGXFSZ, SIGCHLD, SIGALRM};

static void descriptors_look(struct leavings *now)
{
    DIR *list = opendir("/proc/self/fd");
    if (list == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        long number = strtol(entry->d_name, NULL, 10);
        bool is_other = entry->d_name[0] != '.' && number != dirfd(list);
        if (is_other && number >= 0 && number < LEAVINGS_DESCRIPTORS)
            now->descriptors[number / 64] |= UINT64_C(1) << (number % 64);
    }
    closedir(list);
}

/* 0 where the kernel doesn't tell. */
static size_t timers_count(void)
{
    char line[256];
    size_t count = 0;
    FILE *timers = fopen("/proc/self/timers", "re");
    if (timers == NULL)
        return 0;
    while (fgets(line, sizeof(line), timers) != NULL)
        count += strncmp(line, "ID:", 3) == 0;
    fclose(timers);
    return count;
}

static bool alarm_is_set(void)
{
    static const __itimer_which_t clocks[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        struct itimerval value;
        if (getitimer(clocks[i], &value) == 0 && (value.it_value.tv_sec != 0 || value.it_value.tv_usec != 0))
            return true;
    }
    return false;
}

static bool child_is_there(void)
{
    siginfo_t information = {0};
    return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Keys are given out from the lowest that is free. */
static unsigned key_next(void)
{
    pthread_key_t key;
    if (pthread_key_create(&key, NULL) != 0)
        return UINT_MAX; /* none is left */
    pthread_key_delete(key);
    return key;
}

void leavings_look(struct leavings *now)
{
    *now = (struct leavings){0};
    for (int number = 1; number < LEAVINGS_SIGNALS; number++)
        (void)sigaction(number, NULL, &now->actions[number]);
    descriptors_look(now);
    now->timers = timers_count();
    now->has_alarm = alarm_is_set();
    now->has_child = child_is_there();
    now->key = key_next();
    now->mask = umask(0);
    umask(now->mask);
    if (getcwd(now->folder, sizeof(now->folder)) == NULL)
        now->folder[0] = '\0';
}

/* A list that grows: items joined by ", ". */
struct words {
    char *text;
    size_t size;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void words_add(struct words *words, const char *format, ...)
{
    if (words->used >= words->size)
        return;
    if (words->used != 0)
        words->used += (size_t)snprintf(words->text + words->used, words->size - words->used, ", ");
    if (words->used >= words->size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(words->text + words->used, words->size - words->used, format, arguments);
    va_end(arguments);
    words->used += length > 0 ? (size_t)length : 0;
}

static bool action_is_same(const struct sigaction *left, const struct sigaction *right)
{
    return left->sa_handler == right->sa_handler;
}

static void signal_add(struct words *words, int number)
{
    const char *name = sigabbrev_np(number);
    if (name != NULL)
        words_add(words, "a handler of SIG%s", name);
    else
        words_add(words, "a handler of signal %d", number);
}

static void signals_compare(struct words *words, const struct leavings *before, const struct leavings *now)
{
    for (int number = 1; number < LEAVINGS_SIGNALS; number++) {
        if (!action_is_same(&before->actions[number], &now->actions[number]))
            signal_add(words, number);
    }
}

static void descriptors_compare(struct words *words, const struct leavings *before, const struct leavings *now)
{
    char path[64], first[256] = "";
    int count = 0;
    for (int number = 0; number < LEAVINGS_DESCRIPTORS; number++) {
        uint64_t bit = UINT64_C(1) << (number % 64);
        if ((now->descriptors[number / 64] & bit) == 0 || (before->descriptors[number / 64] & bit) != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", number);
        ssize_t length = count++ == 0 ? readlink(path, first, sizeof(first) - 1) : 0;
        if (length > 0)
            first[length] = '\0';
    }
    if (count == 1)
        words_add(words, "an open descriptor (%s)", first);
    else if (count > 1)
        words_add(words, "%d open descriptors (%s among them)", count, first);
}

bool leavings_differ(const struct leavings *before, const struct leavings *now, char *text, size_t size)
{
    struct words words = {.text = text, .size = size};
    signals_compare(&words, before, now);
    if (now->timers > before->timers)
        words_add(&words, "a timer of the system");
    if (now->has_child && !before->has_child)
        words_add(&words, "a process");
    if (now->key > before->key)
        words_add(&words, "a thread-specific key");
    descriptors_compare(&words, before, now);
    return words.used != 0;
}

bool leavings_disturb(const struct leavings *before, const struct leavings *now, char *text, size_t size)
{
    struct words words = {.text = text, .size = size};
    for (size_t i = 0; i < sizeof(broker_signals) / sizeof(broker_signals[0]); i++) {
        int number = broker_signals[i];
        if (!action_is_same(&before->actions[number], &now->actions[number]))
            signal_add(&words, number);
    }
    if (now->has_alarm && !before->has_alarm)
        words_add(&words, "an alarm");
    if (strcmp(now->folder, before->folder) != 0)
        words_add(&words, "another working folder");
    if (now->mask != before->mask)
        words_add(&words, "another mask for new files");
    return words.used != 0;
}

/* False: there is none. Those of a process that has ended become this one's, which is their subreaper. */
static bool children_kill(void)
{
    FILE *list = fopen("/proc/thread-self/children", "re");
    if (list == NULL)
        return false;
    long number;
    bool has_any = false;
    while (fscanf(list, "%ld", &number) == 1) {
        kill((pid_t)number, SIGKILL);
        has_any = true;
    }
    fclose(list);
    return has_any;
}

void leavings_end_processes(void)
{
    for (int round = 0; round < LEAVINGS_ROUNDS && children_kill(); round++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        usleep(LEAVINGS_PAUSE_US);
    }
}
