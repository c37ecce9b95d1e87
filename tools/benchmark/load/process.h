/* What the kernel knows of the broker's processes and of our own. */
#ifndef LOAD_PROCESS_H
#define LOAD_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

enum { PROCESSES_MAX = 64 };

/* The processes that make up the broker. */
struct processes {
    pid_t ids[PROCESSES_MAX];
    unsigned count;
};

/* Reads "12,34"; ends the program if that is no list of running processes. */
void processes_parse(struct processes *processes, const char *text);

/* User and system time of all their threads. */
uint64_t processes_cpu_ns(const struct processes *processes);

/* Resident memory. */
uint64_t processes_memory_bytes(const struct processes *processes);

/* Waits until they have been at rest for a while (or for 3 s at most), so that work that was put off is done. */
void processes_await_rest(const struct processes *processes);

uint64_t own_cpu_ns(void);
uint64_t now_ns(void); /* monotonic */

#endif
