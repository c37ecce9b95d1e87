/* The log: one line per event to standard error or a file, for people ("text") or machines ("json"). Any thread; a line
 * is written by one write(), so lines never mix.
 *
 *     2026-01-31T12:00:00.123Z notice  listener mqtt: listening on 127.0.0.1:1883
 *     {"time":"2026-01-31T12:00:00.123Z","level":"notice","subject":"listener mqtt","message":"listening on ..."} */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <graftmq/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_format { LOG_TEXT, LOG_JSON };

/* May be called again at any time (a reload). `descriptor` stays the caller's. Colour is used only in text on a
 * terminal, and not if NO_COLOR is set. */
void log_configure(int descriptor, enum log_format format, gmq_log_level level);

/* Whether lines of this level are written: guards costly arguments. */
bool log_is_on(gmq_log_level level);

/* `subject` names what the line is about ("broker", "plugin shop", "client c1"). Control characters are escaped in both
 * formats, so a client's name can't forge a line. A line is at most 4 KiB and marked if it was cut. */
void log_write(gmq_log_level level, const char *subject, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_write_list(gmq_log_level level, const char *subject, const char *format, va_list arguments);

/* For events that a peer can cause at any rate: true at most `per_second` times in a second for this limiter. The first
 * line after a gap tells how many were left out (`*suppressed`). All zero is a valid limiter. One thread. */
struct log_limiter {
    uint64_t window_start_ns;
    uint32_t count;
    uint32_t suppressed;
};
bool log_limiter_allows(struct log_limiter *limiter, uint32_t per_second, uint64_t now_ns, uint32_t *suppressed);

#endif
