/* What timers cost: a keep alive that is put off with each packet, and timers that fire. */
#include "base/wheel.h"

#include "base/bench/bench.h"
#include "base/clock.h"

enum { TIMERS = 100000, EXPIRING = 100 };

static struct wheel wheel;
static struct wheel_timer timers[TIMERS];
static uint64_t now_ns, fired;

static void fire(struct wheel_timer *timer)
{
    (void)timer;
    fired++;
}

static void start_some(uint32_t count)
{
    wheel_init(&wheel, now_ns);
    for (uint32_t i = 0; i < count; i++) {
        wheel_timer_init(&timers[i], fire);
        wheel_start(&wheel, &timers[i], now_ns + (1 + i % 90) * CLOCK_NS_PER_SECOND);
    }
}

static void start_all(void)
{
    start_some(TIMERS);
}

static void restart(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++)
        wheel_start(&wheel, &timers[i % TIMERS], now_ns + (60 + i % 30) * CLOCK_NS_PER_SECOND);
}

static void expire(uint64_t rounds)
{
    for (uint64_t done = 0; done < rounds;) {
        uint64_t before = fired;
        start_some(EXPIRING);
        now_ns += 100 * CLOCK_NS_PER_SECOND;
        while (wheel_advance(&wheel, now_ns, TIMERS))
            ;
        done += fired - before;
    }
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"wheel/restart", "one of 100,000 timers is put off", start_all, restart},
        {"wheel/expire", "a timer is started, waits up to 90 s, and fires", NULL, expire},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
