/* Where the log goes. */
#include "worker/log_target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int log_file_open(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* Whether the file was made here: then it goes again if it isn't needed after all. */
static bool log_file_is_made(struct log_target_next *next, const char *path)
{
    next->descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
    return next->descriptor >= 0;
}

bool log_target_open(const struct config *config, struct log_target_next *next, struct problems *problems)
{
    *next = (struct log_target_next){.descriptor = -1};
    if (config->log_file == NULL)
        return true;
    next->made = log_file_is_made(next, config->log_file) ? config->log_file : NULL;
    if (next->made == NULL)
        next->descriptor = log_file_open(config->log_file);
    if (next->descriptor >= 0)
        return true;
    problems_add(problems, "%s: log.file: can't open \"%s\": %s; check that its folder exists and may be written",
                 config->file, config->log_file, strerror(errno));
    return false;
}

void log_target_discard(struct log_target_next *next)
{
    if (next->descriptor >= 0)
        close(next->descriptor);
    if (next->made != NULL)
        unlink(next->made);
    *next = (struct log_target_next){.descriptor = -1};
}

/* Threads may be writing to the old file at this moment: its number must never be without a file. */
static void log_target_take(struct log_target *target, int descriptor)
{
    if (!target->is_file) {
        target->descriptor = descriptor;
        target->is_file = true;
        return;
    }
    (void)dup3(descriptor, target->descriptor, O_CLOEXEC);
    close(descriptor);
}

void log_target_apply(struct log_target *target, struct log_target_next *next, const struct config *config, int level)
{
    bool is_file = next->descriptor >= 0;
    if (is_file)
        log_target_take(target, next->descriptor);
    *next = (struct log_target_next){.descriptor = -1};
    gmq_log_level chosen = level >= 0 ? (gmq_log_level)level : config->log_level;
    log_configure(is_file ? target->descriptor : STDERR_FILENO, config->log_format, chosen);
}

void log_target_reopen(struct log_target *target, const struct config *config)
{
    if (config->log_file == NULL || !target->is_file)
        return;
    int descriptor = log_file_open(config->log_file);
    if (descriptor >= 0)
        log_target_take(target, descriptor);
    else
        log_write(GMQ_LOG_ERROR, "broker", "can't open the log file \"%s\" anew: %s; the open one is written on",
                  config->log_file, strerror(errno));
}

void log_target_deinit(struct log_target *target)
{
    log_configure(STDERR_FILENO, LOG_TEXT, GMQ_LOG_NOTICE);
    if (target->is_file)
        close(target->descriptor);
    target->is_file = false;
}
