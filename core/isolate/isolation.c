/* An isolated plugin as the loader and the routes see it: its processes are started and ended, its handlers are ours,
 * and each of their calls waits for the process as a deferred one. */
#include "isolate/isolation.h"

#include "base/clock.h"
#include "base/memory.h"
#include "isolate/isolated.h"
#include "plugin/route.h"

#include <graftmq/call.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRAM "graftmq-plugin-host"

/* A deferred call waits for as long as the process may be silent; this is the second net below that one. */
enum { NET_FACTOR = 4 };

/* ---- on the routes ---- */

static uint32_t number_of(const gmq_call *call)
{
    const gmq_record *record = call->route->steps[call->step].record;
    return (uint32_t)((const gmq_record_callback *)(const void *)record - call->plugin->isolated->records);
}

static gmq_verdict fault(gmq_call *call)
{
    gmq_verdict verdict = call->route->steps[call->step].entry->on_fault;
    route_fault(call);
    if (verdict == GMQ_NEXT)
        return verdict;
    const char *text = "the plugin is not available";
    return verdict == GMQ_CLOSE ? gmq_close(call, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, text)
                                : gmq_reject(call, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR, text);
}

static gmq_verdict handle(gmq_call *call, void *packet)
{
    (void)packet;
    struct lane *lane = &call->plugin->isolated->lanes[call->worker];
    gmq_verdict on_fault = call->route->steps[call->step].entry->on_fault;
    if (!lane_is_ready(lane, call->shard))
        return fault(call);
    gmq_deferral *deferral = gmq_defer(call, 0, on_fault);
    struct pending *pending = deferral != NULL ? lane_call(lane, call, number_of(call)) : NULL;
    if (pending == NULL) {
        if (deferral != NULL)
            deferral->is_resumed = true; /* nobody will */
        return fault(call);
    }
    uint64_t limit_ms = (uint64_t)lane->isolated->config.hang_ms * NET_FACTOR;
    deferral->timer.deadline_ns = lane->shard->now_ns + limit_ms * CLOCK_NS_PER_MS;
    deferral->at_limit = on_fault;
    pending->deferral = deferral;
    pending->on_fault = on_fault;
    return GMQ_DEFER;
}

/* An event is told, and not waited for; what it still has to do keeps the plugin loaded. A client that is closing will
 * soon be none, and that of SESSION_END never was one. */
static void call_back(gmq_call *call)
{
    struct lane *lane = &call->plugin->isolated->lanes[call->worker];
    struct pending *pending = lane_is_ready(lane, call->shard) ? lane_event(lane, call, number_of(call)) : NULL;
    if (pending == NULL)
        return;
    atomic_fetch_add_explicit(&call->plugin->pins, 1, memory_order_relaxed);
    if (call->client != NULL && call->client->state != CLIENT_CLOSING)
        pending_set_client(pending, call->client);
}

void isolation_client_gone(struct shard *shard, struct gmq_client *client)
{
    pending_client_gone(shard->index, client);
}

static void call_start(struct isolated *isolated, struct shard *shard, gmq_event event)
{
    const struct route *callbacks = &shard->generation->callbacks[event];
    for (uint32_t i = 0; i < callbacks->count; i++) {
        if (callbacks->steps[i].plugin != isolated->plugin)
            continue;
        struct route single = {.steps = &callbacks->steps[i], .count = 1, .type = callbacks->type};
        gmq_call call;
        shard_call_begin(shard, &call, NULL);
        call.route = &single;
        route_call_back(&call, &single);
        shard_call_end(shard);
    }
}

void isolated_call_start(struct isolated *isolated, struct shard *shard)
{
    call_start(isolated, shard, GMQ_EVENT_WORKER_START);
    if (shard->index == 0)
        call_start(isolated, shard, GMQ_EVENT_START);
}

/* ---- what the process says of the plugin ---- */

static char *copy_view(gmq_view view)
{
    return mem_copy_text(view.data, view.length);
}

static bool export_take(struct record_reader *reader, gmq_record_callback *record)
{
    uint16_t kind = record_read_u16(reader), number = record_read_u16(reader);
    gmq_view name = record_read_view(reader);
    bool is_known = (kind == GMQ_RECORD_HANDLER && number > 0 && number < CONFIG_PACKET_TYPES) ||
                    (kind == GMQ_RECORD_CALLBACK && number < CONFIG_EVENTS);
    if (reader->is_bad || !is_known)
        return false;
    record->record = (gmq_record){GMQ_RECORD_MAGIC, kind, number, sizeof(gmq_record_callback), copy_view(name)};
    /* All function pointers have one size here; the routes call each as what its record says. */
    if (kind == GMQ_RECORD_HANDLER)
        memcpy(&record->function, &(route_function *){handle}, sizeof record->function);
    else
        record->function = call_back;
    return record->record.name != NULL;
}

static bool exports_take(struct isolated *isolated, struct record_reader *reader)
{
    uint32_t count = record_read_u32(reader);
    record_require(reader, count <= reader->length - reader->position);
    isolated->records = mem_alloc_zero(reader->is_bad ? 0 : count, sizeof *isolated->records);
    if (reader->is_bad || isolated->records == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!export_take(reader, &isolated->records[i]))
            return false;
        isolated->record_count++;
    }
    return true;
}

static bool descriptor_take(struct isolated *isolated, struct record_reader *reader)
{
    gmq_view name = record_read_view(reader), version = record_read_view(reader);
    isolated->layouts = (gmq_bytes_layouts){.magic = GMQ_LAYOUT_MAGIC};
    isolated->layouts.written = record_read_u32(reader);
    isolated->layouts.oldest = record_read_u32(reader);
    isolated->layouts.newest = record_read_u32(reader);
    if (reader->is_bad)
        return false;
    isolated->descriptor = (gmq_plugin_descriptor){.magic = GMQ_PLUGIN_MAGIC,
                                                   .abi_major = GMQ_ABI_MAJOR,
                                                   .abi_minor = GMQ_ABI_MINOR,
                                                   .size = sizeof(gmq_plugin_descriptor),
                                                   .name = copy_view(name),
                                                   .version = copy_view(version)};
    return isolated->descriptor.name != NULL && isolated->descriptor.version != NULL;
}

/* Later processes map the same copy: they have nothing new to say. */
bool isolated_take_hello(struct isolated *isolated, struct record_reader *reader, char *problem, size_t size)
{
    uint32_t protocol = record_read_u32(reader);
    gmq_view trouble = record_read_view(reader);
    if (reader->is_bad || protocol != MESSAGE_PROTOCOL) {
        snprintf(problem, size, "its process (%s) is of another build; install both together", isolated->program);
        return false;
    }
    if (trouble.length != 0) {
        snprintf(problem, size, "%.*s", (int)trouble.length, trouble.data);
        return false;
    }
    if (isolated->descriptor.name != NULL)
        return true;
    if (descriptor_take(isolated, reader) && exports_take(isolated, reader))
        return true;
    snprintf(problem, size, "its process says of it what can't be, or memory is out");
    return false;
}

/* ---- for the loader ---- */

/* Beside this program. */
static char *program_path(const struct plugin_host *host)
{
    const char *slash = strrchr(host->program, '/');
    int folder = slash != NULL ? (int)(slash - host->program) : 1;
    size_t size = (size_t)folder + sizeof("/" PROGRAM);
    char *path = mem_alloc(size);
    if (path != NULL)
        snprintf(path, size, "%.*s/%s", folder, slash != NULL ? host->program : ".", PROGRAM);
    return path;
}

static struct isolated *isolated_new(struct gmq_plugin *plugin, const struct config_plugin *definition)
{
    struct isolated *isolated = mem_alloc_zero(1, sizeof *isolated);
    if (isolated == NULL)
        return NULL;
    isolated->plugin = plugin;
    isolated->host = plugin->host;
    isolated->config = definition->isolation;
    isolated->settings = gmq_settings_json(definition->settings);
    isolated->worker_count = plugin->host->broker->worker_count;
    /* A process without a worker would have nothing to do. */
    if (isolated->config.processes > isolated->worker_count)
        isolated->config.processes = isolated->worker_count;
    isolated->program = program_path(plugin->host);
    isolated->copy = mem_copy_text(plugin->library->copy.path, strlen(plugin->library->copy.path));
    isolated->lanes = mem_alloc_zero(isolated->worker_count, sizeof *isolated->lanes);
    isolated->processes = mem_alloc_zero(isolated->config.processes, sizeof *isolated->processes);
    return isolated;
}

static bool isolated_is_whole(const struct isolated *isolated)
{
    return isolated->program != NULL && isolated->copy != NULL && isolated->lanes != NULL &&
           isolated->processes != NULL;
}

static void records_free(struct isolated *isolated)
{
    for (size_t i = 0; i < isolated->record_count; i++)
        mem_free((char *)(uintptr_t)isolated->records[i].record.name);
    mem_free(isolated->records);
    mem_free((char *)(uintptr_t)isolated->descriptor.name);
    mem_free((char *)(uintptr_t)isolated->descriptor.version);
}

static void isolated_free(struct isolated *isolated)
{
    if (isolated == NULL)
        return;
    for (uint32_t i = 0; i < isolated->worker_count && isolated->lanes != NULL; i++)
        lane_deinit(&isolated->lanes[i]);
    records_free(isolated);
    mem_free(isolated->program);
    mem_free(isolated->copy);
    mem_free(isolated->lanes);
    mem_free(isolated->processes);
    mem_free(isolated);
}

/* The workers let go, then the processes end. Twice drained: a process that crashed meanwhile has written to them. */
static void isolated_close(struct isolated *isolated)
{
    for (uint32_t i = 0; i < isolated->worker_count; i++)
        lane_leave(&isolated->lanes[i]);
    isolated->host->drain(isolated->host);
    for (uint32_t i = 0; i < isolated->config.processes; i++)
        process_end(&isolated->processes[i]);
    isolated->host->drain(isolated->host);
    isolated_free(isolated);
}

static bool isolated_start(struct isolated *isolated, char *problem, size_t size)
{
    uint32_t begun = 0;
    bool is_sound = true;
    for (; begun < isolated->config.processes && is_sound; begun++) {
        struct process *process = &isolated->processes[begun];
        is_sound = process_begin(process, isolated, begun) && process_await_start(process);
        if (!is_sound)
            snprintf(problem, size, "%s", process->problem);
    }
    if (is_sound)
        return true;
    for (uint32_t i = 0; i < begun; i++)
        process_end(&isolated->processes[i]);
    return false;
}

static struct isolated *isolated_open(struct gmq_plugin *plugin, const struct config_plugin *definition, char *problem,
                                      size_t size)
{
    struct isolated *isolated = isolated_new(plugin, definition);
    if (isolated == NULL || !isolated_is_whole(isolated)) {
        snprintf(problem, size, "cannot be isolated: memory is out");
        isolated_free(isolated);
        return NULL;
    }
    for (uint32_t i = 0; i < isolated->worker_count; i++)
        lane_init(&isolated->lanes[i], isolated, i);
    if (isolated_start(isolated, problem, size))
        return isolated;
    isolated_free(isolated);
    return NULL;
}

static gmq_status isolated_load(struct isolated *isolated, char *problem, size_t size)
{
    for (uint32_t i = 0; i < isolated->config.processes; i++) {
        struct process *process = &isolated->processes[i];
        if (process_load(process))
            continue;
        if (process->load_status == GMQ_OK)
            snprintf(problem, size, "%s", process->problem);
        return process->load_status;
    }
    return GMQ_OK;
}

static const gmq_plugin_descriptor *isolated_descriptor(const struct isolated *isolated)
{
    return &isolated->descriptor;
}

static gmq_bytes_layouts isolated_layouts(const struct isolated *isolated)
{
    return isolated->layouts;
}

static const gmq_record *isolated_record(const struct isolated *isolated, const char *name)
{
    for (size_t i = 0; i < isolated->record_count; i++) {
        if (strcmp(isolated->records[i].record.name, name) == 0)
            return &isolated->records[i].record;
    }
    return NULL;
}

const struct plugin_isolation isolation_functions = {
    .open = isolated_open,
    .descriptor = isolated_descriptor,
    .layouts = isolated_layouts,
    .record = isolated_record,
    .load = isolated_load,
    .close = isolated_close,
};
