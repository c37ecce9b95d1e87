/* What the run along a route costs: handlers that do nothing, measured and counted as any other. */
#include "plugin/route.h"

#include "base/bench/bench.h"
#include "plugin/generation.h"
#include "plugin/route_meter.h"

enum { STEPS_MAX = 8 };

static gmq_verdict next(gmq_call *call, void *packet)
{
    (void)packet;
    bench_use(call);
    return GMQ_NEXT;
}

static gmq_verdict done(gmq_call *call, void *packet)
{
    (void)packet;
    bench_use(call);
    return GMQ_DONE;
}

static struct handler_record records[STEPS_MAX];
static struct route_step steps[STEPS_MAX];
static struct generation generation;
static struct route_meter meter;
static struct gmq_publish publish = {.packet = {.type = GMQ_PUBLISH}};
static const struct route_facts facts = {.version = GMQ_VERSION_5_0};

static void begin(void)
{
    if (clock_tick_scale == 0)
        clock_calibrate();
    for (size_t i = 0; i < STEPS_MAX; i++)
        steps[i] = (struct route_step){.function = next, .records = &records[i], .budget_ns = UINT64_MAX};
}

static void run(uint64_t rounds, uint32_t count)
{
    struct route route = {.steps = steps, .count = count, .type = GMQ_PUBLISH};
    gmq_call call = {.route = &route, .generation = &generation, .meter = &meter, .packet = &publish.packet};
    steps[count - 1].function = done;
    for (uint64_t i = 0; i < rounds; i++) {
        call.step = 0;
        gmq_verdict verdict = route_run(&call, &facts);
        bench_demand(verdict == GMQ_DONE, "the last handler did not run");
    }
    steps[count - 1].function = next;
}

static void run_one(uint64_t rounds)
{
    run(rounds, 1);
}

static void run_eight(uint64_t rounds)
{
    run(rounds, STEPS_MAX);
}

static void run_bare(uint64_t rounds)
{
    gmq_call call = {.packet = &publish.packet};
    route_function *volatile function = done;
    for (uint64_t i = 0; i < rounds; i++)
        bench_demand(function(&call, call.packet) == GMQ_DONE, "did not run");
}

static void read_clock(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t now = clock_ticks();
        bench_use(&now);
    }
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"route/bare", "the same call as a mere function", begin, run_bare},
        {"route/clock", "one reading of the clock", begin, read_clock},
        {"route/1", "a packet whose route has one handler", begin, run_one},
        {"route/8", "a packet whose route has eight", begin, run_eight},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
