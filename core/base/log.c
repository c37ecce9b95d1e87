/* The log: makes one line of an event and writes it at once. */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE_SIZE = 4096 };

struct log_settings {
    int descriptor;
    gmq_log_level level;
    bool is_json;
    bool is_coloured;
};

/* All settings in one word, so that a line is written by the old ones or the new ones and never a mixture: the
 * descriptor in the upper half, then a bit each for colour and JSON, the level in the lowest byte. */
static _Atomic uint64_t log_word = (uint64_t)STDERR_FILENO << 32 | GMQ_LOG_NOTICE;

static struct log_settings log_current(void)
{
    uint64_t word = atomic_load_explicit(&log_word, memory_order_relaxed);
    return (struct log_settings){.descriptor = (int)(word >> 32),
                                 .level = (gmq_log_level)(word & 0xFF),
                                 .is_json = (word >> 8 & 1) != 0,
                                 .is_coloured = (word >> 9 & 1) != 0};
}

void log_configure(int descriptor, enum log_format format, gmq_log_level level)
{
    int saved_errno = errno;
    /* https://no-color.org: set and not empty. */
    const char *no_color = getenv("NO_COLOR");
    bool is_plain = no_color != NULL && no_color[0] != '\0';
    uint64_t is_json = format == LOG_JSON;
    uint64_t is_coloured = !is_json && !is_plain && isatty(descriptor);
    uint64_t word = (uint64_t)(uint32_t)descriptor << 32 | is_coloured << 9 | is_json << 8 | (uint64_t)level;
    atomic_store_explicit(&log_word, word, memory_order_relaxed);
    errno = saved_errno;
}

bool log_is_on(gmq_log_level level)
{
    return level <= log_current().level;
}

static const struct {
    const char *name;
    const char *colour;
} log_levels[] = {
    [GMQ_LOG_ERROR] = {"error", "\033[31m"},   [GMQ_LOG_WARNING] = {"warning", "\033[33m"},
    [GMQ_LOG_NOTICE] = {"notice", "\033[32m"}, [GMQ_LOG_INFO] = {"info", "\033[36m"},
    [GMQ_LOG_DEBUG] = {"debug", "\033[90m"},
};

/* A line that is being made. The room that the end of a line needs is never given to its text. */
struct line {
    size_t length;
    bool is_json;
    bool is_cut;
    char bytes[LOG_LINE_SIZE];
};

enum { LINE_END_ROOM = sizeof("...\"}\n") };

static void line_append(struct line *line, const char *text, size_t length)
{
    if (line->is_cut || length > sizeof(line->bytes) - LINE_END_ROOM - line->length) {
        line->is_cut = true;
        return;
    }
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void line_append_text(struct line *line, const char *text)
{
    line_append(line, text, strlen(text));
}

static bool is_control(const char *character, size_t length)
{
    uint8_t first = (uint8_t)character[0];
    /* Some terminals obey U+0080 to U+009F as they do the lower ones. */
    return length == 1 ? first < 0x20 || first == 0x7F : first == 0xC2 && (uint8_t)character[1] < 0xA0;
}

/* A control character, or a byte that is none. */
static void line_append_escape(struct line *line, const char *character, size_t step)
{
    char escape[8];
    uint8_t byte = (uint8_t)character[0];
    if (byte == '\n' || byte == '\t')
        snprintf(escape, sizeof(escape), "\\%c", byte == '\n' ? 'n' : 't');
    else if (!line->is_json)
        snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)byte);
    else if (step == 0)
        snprintf(escape, sizeof(escape), "\\ufffd");
    else
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(step == 1 ? byte : (uint8_t)character[1]));
    line_append_text(line, escape);
}

static void line_append_escaped(struct line *line, const char *text, size_t length)
{
    while (length != 0) {
        size_t step = text_utf8_step(text, length);
        if (step == 0 || is_control(text, step)) {
            line_append_escape(line, text, step);
            /* In text, each byte of a control character is escaped by itself. */
            step = step == 2 && line->is_json ? 2 : 1;
        } else if (line->is_json && (*text == '"' || *text == '\\')) {
            /* In one piece: a cut between the two would spoil the quoting. */
            const char pair[] = {'\\', *text};
            line_append(line, pair, sizeof(pair));
        } else {
            line_append(line, text, step);
        }
        text += step;
        length -= step;
    }
}

static void line_begin_text(struct line *line, const struct log_settings *settings, gmq_log_level level)
{
    char time[32], name[16];
    clock_wall_text(time, sizeof(time));
    snprintf(name, sizeof(name), "%-7s", log_levels[level].name);
    line_append_text(line, time);
    line_append_text(line, " ");
    line_append_text(line, settings->is_coloured ? log_levels[level].colour : "");
    line_append_text(line, name);
    line_append_text(line, settings->is_coloured ? "\033[0m " : " ");
}

static void line_begin_json(struct line *line, gmq_log_level level)
{
    char time[32];
    clock_wall_text(time, sizeof(time));
    line_append_text(line, "{\"time\":\"");
    line_append_text(line, time);
    line_append_text(line, "\",\"level\":\"");
    line_append_text(line, log_levels[level].name);
    line_append_text(line, "\",\"subject\":\"");
}

/* The room for this was kept. */
static void line_end(struct line *line, bool is_message_cut)
{
    const char *end = line->is_json ? "\"}\n" : "\n";
    const char *mark = line->is_cut || is_message_cut ? "..." : "";
    int length = snprintf(line->bytes + line->length, LINE_END_ROOM, "%s%s", mark, end);
    line->length += (size_t)length;
}

static void line_write(const struct line *line, int descriptor)
{
    ssize_t written;
    do {
        written = write(descriptor, line->bytes, line->length);
    } while (written < 0 && errno == EINTR);
    /* There is nobody to tell that the log can't be written. */
}

void log_write_list(gmq_log_level level, const char *subject, const char *format, va_list arguments)
{
    struct log_settings settings = log_current();
    if (level > settings.level || (unsigned)level > GMQ_LOG_DEBUG)
        return;
    int saved_errno = errno;
    char message[LOG_LINE_SIZE];
    int length = vsnprintf(message, sizeof(message), format, arguments);
    bool is_cut = length >= (int)sizeof(message);
    size_t kept = is_cut ? sizeof(message) - 1 : length < 0 ? 0 : (size_t)length;
    const char *name = subject != NULL ? subject : "";

    struct line line;
    line.length = 0;
    line.is_json = settings.is_json;
    line.is_cut = false;
    if (settings.is_json)
        line_begin_json(&line, level);
    else
        line_begin_text(&line, &settings, level);
    line_append_escaped(&line, name, strlen(name));
    line_append_text(&line, settings.is_json ? "\",\"message\":\"" : name[0] != '\0' ? ": " : "");
    line_append_escaped(&line, message, kept);
    line_end(&line, is_cut);
    line_write(&line, settings.descriptor);
    errno = saved_errno;
}

void log_write(gmq_log_level level, const char *subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write_list(level, subject, format, arguments);
    va_end(arguments);
}

bool log_limiter_allows(struct log_limiter *limiter, uint32_t per_second, uint64_t now_ns, uint32_t *suppressed)
{
    *suppressed = 0;
    if (now_ns - limiter->window_start_ns >= CLOCK_NS_PER_SECOND) {
        limiter->window_start_ns = now_ns;
        limiter->count = 0;
    }
    if (limiter->count >= per_second) {
        limiter->suppressed += limiter->suppressed < UINT32_MAX;
        return false;
    }
    limiter->count++;
    *suppressed = limiter->suppressed;
    limiter->suppressed = 0;
    return true;
}
