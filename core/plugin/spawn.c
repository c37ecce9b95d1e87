/* Children of the broker. */
#include "plugin/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

/* The descriptor goes to its number first, as it may itself have one of those that follow. */
static int actions_fill(posix_spawn_file_actions_t *actions, int descriptor, bool keeps_errors)
{
    int reason = posix_spawn_file_actions_adddup2(actions, descriptor, SPAWN_DESCRIPTOR);
    if (reason == 0)
        reason = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (reason == 0)
        reason = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (reason == 0 && !keeps_errors)
        reason = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    return reason;
}

/* Nothing of this process's signal handling: ignored and blocked signals would outlive exec. */
static int attributes_fill(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int reason = posix_spawnattr_setsigdefault(attributes, &all);
    if (reason == 0)
        reason = posix_spawnattr_setsigmask(attributes, &none);
    if (reason == 0)
        reason = posix_spawnattr_setpgroup(attributes, 0);
    if (reason == 0)
        reason = posix_spawnattr_setflags(attributes,
                                          POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    return reason;
}

int spawn_child(const char *program, const char *const *arguments, int descriptor, bool keeps_errors, pid_t *number)
{
    char *const *argv;
    memcpy(&argv, &arguments, sizeof(argv)); /* posix_spawn changes none of them, though its type doesn't say so */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int reason = posix_spawn_file_actions_init(&actions);
    if (reason != 0)
        return reason;
    reason = posix_spawnattr_init(&attributes);
    if (reason != 0)
        goto no_attributes;
    reason = actions_fill(&actions, descriptor, keeps_errors);
    if (reason == 0)
        reason = attributes_fill(&attributes);
    if (reason == 0)
        reason = posix_spawn(number, program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
    return reason;
}
