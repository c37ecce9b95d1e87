"""What plugins do beside packets: timers, watches, jobs and functions posted to other workers; and that none of it outlives
the plugin that began it."""

import signal

import pytest

from harness import packet as mqtt
from harness.broker import standard_config
from harness.client import unique
from harness.plugins import compile_plugin

PLUGIN = r"""
#include <graftmq/plugin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static gmq_status on_load(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_NOTICE, "VERSION is loaded for %u workers", gmq_worker_count(plugin));
    return GMQ_OK;
}

static void on_unload(gmq_plugin *plugin)
{
    gmq_log(plugin, GMQ_LOG_NOTICE, "VERSION is unloaded");
}

GMQ_PLUGIN_WITH("beside", "VERSION", on_load, on_unload);

static void say(gmq_call *call, const char *what)
{
    char text[80];
    int length = snprintf(text, sizeof text, "VERSION %s", what);
    gmq_publish *packet = gmq_publish_new(call, GMQ_VIEW("said"), gmq_view_make(text, (size_t)length), 0);
    if (packet != NULL)
        (void)gmq_deliver(call, packet, NULL);
}

static void once(gmq_call *call, gmq_timer *timer, void *data)
{
    (void)timer;
    say(call, data);
}

static void three_times(gmq_call *call, gmq_timer *timer, void *data)
{
    int *left = data;
    say(call, "again");
    if (--*left == 0) {
        gmq_timer_stop(call, timer);
        free(left);
    }
}

static void for_ever(gmq_call *call, gmq_timer *timer, void *data)
{
    (void)timer;
    (void)data;
    say(call, "tick");
}

static void ready(gmq_call *call, gmq_watch *watch, int descriptor, int events, void *data)
{
    uint64_t count = 0;
    (void)data;
    if (read(descriptor, &count, sizeof count) < 0)
        return;
    say(call, events == GMQ_WATCH_READ ? "readable" : "?");
    gmq_watch_stop(call, watch);
    close(descriptor);
}

static void work(void *data)
{
    usleep(*(useconds_t *)data);
}

static void work_until_file(void *data)
{
    while (access(data, F_OK) != 0)
        usleep(1000);
}

static void done(gmq_call *call, void *data)
{
    free(data);
    say(call, "done");
}

/* Starts something when it may be too late for it. */
static void done_with_timer(gmq_call *call, void *data)
{
    free(data);
    say(call, "done");
    (void)gmq_timer_start(call, 1, 1, for_ever, NULL);
}

static void on_worker(gmq_call *call, void *data)
{
    char text[40];
    (void)data;
    snprintf(text, sizeof text, "worker %u", gmq_call_worker(call));
    say(call, text);
}

static void at_client(gmq_call *call, void *data)
{
    gmq_client *client = gmq_call_client(call);
    char text[80];
    gmq_view name = client != NULL ? gmq_client_identifier(client) : GMQ_VIEW("nobody");
    snprintf(text, sizeof text, "at %.*s", (int)name.length, name.data);
    say(call, text);
    free(data);
}

static void *thread(void *data)
{
    gmq_plugin *plugin = data;
    for (uint32_t i = 0; i < gmq_worker_count(plugin); i++)
        (void)gmq_post(plugin, i, on_worker, NULL);
    return NULL;
}

static void *of(useconds_t microseconds)
{
    useconds_t *data = malloc(sizeof *data);
    *data = microseconds;
    return data;
}

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    gmq_plugin *plugin = gmq_call_plugin(call);
    gmq_view topic = gmq_publish_topic(packet), payload = gmq_publish_payload(packet);
    if (gmq_view_equals(topic, "do/once"))
        (void)gmq_timer_start(call, 5, 0, once, "once");
    else if (gmq_view_equals(topic, "do/three")) {
        int *left = malloc(sizeof *left);
        *left = 3;
        (void)gmq_timer_start(call, 0, 5, three_times, left);
    } else if (gmq_view_equals(topic, "do/ever"))
        (void)gmq_timer_start(call, 5, 5, for_ever, NULL);
    else if (gmq_view_equals(topic, "do/stop"))
        gmq_timer_stop(call, gmq_timer_start(call, 5, 0, once, "stopped"));
    else if (gmq_view_equals(topic, "do/watch")) {
        int descriptor = eventfd(0, EFD_NONBLOCK);
        (void)gmq_watch_start(call, descriptor, GMQ_WATCH_READ, ready, NULL);
        (void)!write(descriptor, &(uint64_t){1}, sizeof(uint64_t));
    } else if (gmq_view_equals(topic, "do/watch nothing"))
        say(call, gmq_watch_start(call, 9999, GMQ_WATCH_READ, ready, NULL) == NULL ? "refused" : "?");
    else if (gmq_view_equals(topic, "do/watch for ever"))
        (void)gmq_watch_start(call, eventfd(0, EFD_NONBLOCK), GMQ_WATCH_READ, ready, NULL);
    else if (gmq_view_equals(topic, "do/job"))
        (void)gmq_job_start(call, work, done, of((useconds_t)atoi(payload.data)));
    else if (gmq_view_equals(topic, "do/job until"))
        (void)gmq_job_start(call, work_until_file, done, strndup(payload.data, payload.length));
    else if (gmq_view_equals(topic, "do/late timer"))
        (void)gmq_job_start(call, work_until_file, done_with_timer, strndup(payload.data, payload.length));
    else if (gmq_view_equals(topic, "do/jobs")) {
        int refused = 0;
        for (int i = 0; i < 20; i++) {
            void *data = of(10000);
            if (gmq_job_start(call, work, done, data) == GMQ_ERROR_LIMIT) {
                refused++;
                free(data);
            }
        }
        say(call, refused > 0 ? "some refused" : "none refused");
    } else if (gmq_view_equals(topic, "do/thread")) {
        pthread_t id;
        pthread_create(&id, NULL, thread, plugin);
        pthread_join(id, NULL);
    } else if (gmq_view_equals(topic, "do/client"))
        (void)gmq_post_to_client(plugin, payload, at_client, NULL);
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);

static void on_stop(gmq_call *call)
{
    gmq_log(gmq_call_plugin(call), GMQ_LOG_NOTICE, "VERSION stops on worker %u", gmq_call_worker(call));
}
GMQ_CALLBACK(WORKER_STOP, on_stop);
"""


def source(version):
    return PLUGIN.replace("VERSION", version)


@pytest.fixture
def path(tmp_path):
    return compile_plugin(tmp_path / "beside.so", source("v1"), flags=["-pthread"])


@pytest.fixture
def start(start_broker, path):
    def start(**changes):
        plugins = {**standard_config()["plugins"], "beside": {"path": str(path)}}
        return start_broker(plugins=plugins, routes={"PUBLISH": ["beside:on_publish", "broker:on_publish"]},
                            callbacks={"worker_stop": "beside:on_stop"}, **changes)
    return start


@pytest.fixture
def broker(start):
    return start()


@pytest.fixture
def client(broker):
    client = broker.connect()
    client.subscribe("said")
    return client


def swap(broker, path):
    compile_plugin(path, source("v2"), flags=["-pthread"])
    broker.expect_reload()


def test_a_timer_fires_once(client):
    client.publish("do/once")
    client.expect_publish("said", "v1 once")


def test_a_timer_repeats_until_it_stops_itself(client):
    client.publish("do/three")
    for _ in range(3):
        client.expect_publish("said", "v1 again")
    client.publish("do/once")
    client.expect_publish("said", "v1 once")


def test_a_stopped_timer_does_not_fire(client):
    client.publish("do/stop")
    client.publish("do/once")
    client.publish("do/once")
    client.expect_publish("said", "v1 once")
    client.expect_publish("said", "v1 once")


def test_a_watch_sees_its_descriptor(client):
    client.publish("do/watch")
    client.expect_publish("said", "v1 readable")


def test_a_descriptor_that_is_not_open_is_refused(client):
    client.publish("do/watch nothing")
    client.expect_publish("said", "v1 refused")


def test_a_job_blocks_nobody(client):
    client.publish("do/job", b"200000")
    for _ in range(10):
        client.ping()
    client.expect_publish("said", "v1 done")


def test_jobs_beyond_the_limit_are_refused(start):
    broker = start(limits={"jobs": 3, "job_threads": 2})
    client = broker.connect()
    client.subscribe("said")
    client.publish("do/jobs")
    client.expect_publish("said", "v1 some refused")
    client.expect_publish("said", "v1 done")
    for _ in range(2):
        client.expect_publish("said", "v1 done")


def test_a_thread_reaches_every_worker(client, workers):
    client.publish("do/thread")
    got = {client.expect(mqtt.PUBLISH).payload for _ in range(workers)}
    assert got == {b"v1 worker %d" % number for number in range(workers)}


def test_a_thread_reaches_a_client_wherever_it_is(broker, client):
    for _ in range(8):
        other = broker.connect(unique("other"))
        client.publish("do/client", other.client_identifier)
        client.expect_publish("said", f"v1 at {other.client_identifier}")
    client.publish("do/client", "no such client")
    client.expect_publish("said", "v1 at nobody")


def test_timers_and_watches_end_with_their_plugin(broker, client, path):
    others = [broker.connect() for _ in range(8)]
    for each in others:
        each.publish("do/ever")
        each.publish("do/watch for ever")
    client.expect_publish("said", "v1 tick")
    swap(broker, path)
    broker.wait_for_log("v1 is unloaded")
    broker.wait_for_log("generation 1 is gone")
    while True:
        client.publish("do/once")
        if client.expect(mqtt.PUBLISH).payload == b"v2 once":
            break
    client.publish("do/once")
    client.expect_publish("said", "v2 once")


def test_a_job_holds_its_plugin(broker, client, path, tmp_path):
    client.publish("do/job until", str(tmp_path / "file"))
    client.ping()
    swap(broker, path)
    client.publish("do/once")
    client.expect_publish("said", "v2 once")
    assert "v1 is unloaded" not in broker.log()
    (tmp_path / "file").touch()
    client.expect_publish("said", "v1 done")
    broker.wait_for_log("v1 is unloaded")


def test_what_a_job_starts_after_its_plugin_was_let_go_is_stopped(broker, client, path, tmp_path):
    client.publish("do/late timer", str(tmp_path / "file"))
    client.ping()
    swap(broker, path)
    broker.wait_for_log("v1 stops")
    (tmp_path / "file").touch()
    client.expect_publish("said", "v1 done")
    broker.wait_for_log("v1 is unloaded")
    client.ping()


def test_the_end_waits_for_a_job(broker, client):
    client.publish("do/job", b"700000")
    client.ping()
    broker.stop()
    assert broker.wait_for_log("v1 stops") and broker.wait_for_log("v1 is unloaded")


def test_the_end_does_not_wait_for_ever(broker, client):
    client.publish("do/job", b"60000000")
    client.ping()
    broker.process.send_signal(signal.SIGTERM)
    broker.expect_exit(0)
    assert "v1 is unloaded" not in broker.log()
    broker.wait_for_log("without unloading")


def test_a_second_sigterm_ends_at_once(broker, client):
    client.publish("do/job", b"60000000")
    client.ping()
    broker.process.send_signal(signal.SIGTERM)
    broker.wait_for_log("ending")
    broker.process.send_signal(signal.SIGTERM)
    broker.expect_exit(1)
