/* Packets as they pass their routes: what each handler answers, and how long it took, while it happens. */
#ifndef CONTROL_TRACE_H
#define CONTROL_TRACE_H

#include "control/control_mail.h"

struct trace;
struct trace_tap;

/* One tap for each worker; NULL: memory is out. */
struct trace_tap *trace_taps_new(uint32_t worker_count);
void trace_taps_free(struct trace_tap *taps);

/* The client has read: what workers have for it may come. */
void trace_go_on(struct trace *trace);

/* Its connection goes. */
void trace_abandon(struct trace *trace);

/* All there are, at the end. */
void trace_free_all(struct control *control);

#endif
