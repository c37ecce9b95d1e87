/* The result: one JSON object on standard output. Names are fixed texts; texts of the broker don't occur. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "faults.h"

void report_begin(void);
void report_number(const char *name, double value);
void report_faults(const struct faults *faults);
void report_end(void);

#endif
