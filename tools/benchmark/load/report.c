/* JSON, written in one pass. */
#include "report.h"

#include <stdio.h>

static const char *separator = "";

void report_begin(void)
{
    putchar('{');
    separator = "";
}

void report_number(const char *name, double value)
{
    printf("%s\"%s\": %.9g", separator, name, value);
    separator = ", ";
}

void report_faults(const struct faults *faults)
{
    const char *between = "";
    printf("%s\"faults\": {", separator);
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (faults->count[i] == 0)
            continue;
        printf("%s\"%s\": %llu", between, fault_name((enum fault)i), (unsigned long long)faults->count[i]);
        between = ", ";
    }
    printf("}, \"first_fault\": \"%s\"", faults->first);
    separator = ", ";
}

void report_end(void)
{
    puts("}");
}
