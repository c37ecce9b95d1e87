/* Leaves a process behind that holds all descriptors, and writes its number to the trace. */
#include "trace.h"
#include <graftmq/plugin.h>

#include <unistd.h>

__attribute__((constructor)) static void leave_behind(void)
{
    char text[32];
    pid_t child = fork();
    while (child == 0)
        pause();
    snprintf(text, sizeof(text), "%d", (int)child);
    trace(text);
}

GMQ_PLUGIN("fork_constructor", "1.0.0");
