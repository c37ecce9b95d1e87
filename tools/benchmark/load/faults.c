/* Counts of what went wrong, and the first of it in words. */
#include "faults.h"

#include <stdarg.h>
#include <stdio.h>

void faults_add(struct faults *faults, enum fault fault, uint64_t count, const char *format, ...)
{
    faults->count[fault] += count;
    if (faults->first[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(faults->first, sizeof faults->first, format, arguments);
    va_end(arguments);
}

bool faults_any(const struct faults *faults)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (faults->count[i] > 0)
            return true;
    return false;
}

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_COUNT] = {
        [FAULT_LOST] = "lost",
        [FAULT_DOUBLED] = "doubled",
        [FAULT_REORDERED] = "reordered",
        [FAULT_DAMAGED] = "damaged",
        [FAULT_MISROUTED] = "misrouted",
        [FAULT_REFUSED] = "refused",
        [FAULT_UNANSWERED] = "unanswered",
        [FAULT_UNEXPECTED] = "unexpected",
        [FAULT_CLOSED] = "closed",
    };
    return names[fault];
}
