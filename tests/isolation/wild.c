/* A plugin that does to its process whatever a message tells it to, and else marks the message with its version. */
#include <graftmq/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "1"
#endif

GMQ_PLUGIN("wild", VERSION);

static volatile int *nowhere;

static void crash(void)
{
    *nowhere = 1;
}

static void leave(void)
{
    exit(3);
}

static void kill_itself(void)
{
    raise(SIGKILL);
}

static void hang(void)
{
    for (;;)
        __asm__ volatile("");
}

static void lock_itself_out(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

static int overflow_from(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return overflow_from(depth + 1) + room[0];
}

static void overflow(void)
{
    overflow_from(0);
}

/* Writes what is no message wherever it can. */
static void babble(void)
{
    static const char noise[64] = "this is no message of a sound process, as anybody can see";
    for (int descriptor = 3; descriptor < 64; descriptor++)
        (void)send(descriptor, noise, sizeof noise, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void close_all(void)
{
    for (int descriptor = 3; descriptor < 64; descriptor++)
        close(descriptor);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {{"crash", crash},       {"abort", abort},   {"exit", leave},
            {"kill", kill_itself},  {"hang", hang},     {"deadlock", lock_itself_out},
            {"overflow", overflow}, {"babble", babble}, {"close", close_all}};

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (gmq_view_equals(gmq_publish_payload(packet), acts[i].name))
            acts[i].act();
    }
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("version"), GMQ_VIEW(VERSION));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);

static gmq_verdict on_outgoing(gmq_call *call, gmq_publish *packet)
{
    (void)call;
    (void)packet;
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_outgoing);
