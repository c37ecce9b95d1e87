/* CPU time comes from the process's CPU clock, which counts nanoseconds where /proc/PID/stat counts ticks of 10 ms. */
#include "process.h"

#include "bytes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t own_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void processes_parse(struct processes *processes, const char *text)
{
    processes->count = 0;
    while (*text != '\0') {
        char *end;
        long id = strtol(text, &end, 10);
        if (end == text || id <= 0 || (*end != '\0' && *end != ',') || processes->count == PROCESSES_MAX)
            fail("\"%s\" is no list of process identifiers", text);
        if (kill((pid_t)id, 0) != 0 && errno == ESRCH)
            fail("there is no process %ld", id);
        processes->ids[processes->count++] = (pid_t)id;
        text = *end == ',' ? end + 1 : end;
    }
}

uint64_t processes_cpu_ns(const struct processes *processes)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < processes->count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(processes->ids[i], &clock) == 0)
            sum += clock_ns(clock);
    }
    return sum;
}

/* The kernel's exact sum, where it shows it: the one in statm is behind by some pages for each thread. */
static uint64_t memory_bytes(pid_t id)
{
    char path[64], line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)id);
    FILE *file = fopen(path, "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Rss:", 4) == 0)
            kib = strtoul(line + 4, NULL, 10);
    if (file != NULL)
        fclose(file);
    return (uint64_t)kib * 1024;
}

static uint64_t statm_bytes(pid_t id)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)id);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t processes_memory_bytes(const struct processes *processes)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < processes->count; i++) {
        uint64_t bytes = memory_bytes(processes->ids[i]);
        sum += bytes > 0 ? bytes : statm_bytes(processes->ids[i]);
    }
    return sum;
}

void processes_await_rest(const struct processes *processes)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    uint64_t before = processes_cpu_ns(processes);
    for (int i = 0; i < 30; i++) {
        nanosleep(&pause, NULL);
        uint64_t now = processes_cpu_ns(processes);
        if (now - before < 1000000)
            return;
        before = now;
    }
}
