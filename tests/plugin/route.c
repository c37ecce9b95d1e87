/* What runs on a route, in what order, and under which conditions. No plugin is loaded for it. */
#include "plugin/route.h"

#include "plugin/generation.h"
#include "plugin/route_meter.h"

#include <criterion/criterion.h>

enum { STEPS_MAX = 4 };

static char ran[64]; /* a letter for each handler that ran */
static gmq_verdict answers[STEPS_MAX];
static struct gmq_plugin plugins[STEPS_MAX];
static struct config_entry entries[STEPS_MAX];
static struct route_step steps[STEPS_MAX];
static struct route route;
static struct handler_record records[STEPS_MAX];
static struct generation generation;
static struct route_meter meter;
static gmq_call call;
static struct gmq_publish publish;
static const struct route_facts facts = {.listener = 0, .version = GMQ_VERSION_5_0};

static gmq_verdict handler(gmq_call *now, void *packet)
{
    cr_assert_eq(packet, (void *)now->packet);
    cr_assert_eq(now->plugin, &plugins[now->step], "the call names another plugin");
    cr_assert_eq((const void *)now->arguments, (const void *)&entries[now->step]);
    size_t length = strlen(ran);
    ran[length] = (char)('a' + now->step);
    return answers[now->step];
}

static void callback(gmq_call *now)
{
    size_t length = strlen(ran);
    ran[length] = (char)('A' + now->step);
}

static void begin(void)
{
    memset(ran, 0, sizeof(ran));
    for (size_t i = 0; i < STEPS_MAX; i++) {
        answers[i] = GMQ_NEXT;
        entries[i] = (struct config_entry){.versions = CONFIG_VERSION_ALL};
        steps[i] = (struct route_step){.function = handler,
                                       .plugin = &plugins[i],
                                       .entry = &entries[i],
                                       .records = &records[i],
                                       .budget_ns = UINT64_MAX,
                                       .arguments = (const struct gmq_settings *)(const void *)&entries[i]};
    }
    route = (struct route){.steps = steps, .count = 3, .type = GMQ_PUBLISH};
    publish = (struct gmq_publish){.packet = {.type = GMQ_PUBLISH}, .topic = GMQ_VIEW("shop/7/price")};
    call = (gmq_call){.route = &route, .generation = &generation, .meter = &meter, .packet = &publish.packet};
}

TestSuite(route, .init = begin);

static gmq_verdict run(const char *expected)
{
    gmq_verdict verdict = route_run(&call, &facts);
    cr_assert_str_eq(ran, expected);
    return verdict;
}

Test(route, all_handlers_run_in_order_as_long_as_they_say_next)
{
    cr_assert_eq(run("abc"), GMQ_NEXT);
}

Test(route, an_empty_route_ends_without_a_verdict)
{
    route.count = 0;
    cr_assert_eq(run(""), GMQ_NEXT);
}

Test(route, a_verdict_ends_the_route)
{
    static const gmq_verdict verdicts[] = {GMQ_DONE, GMQ_REJECT, GMQ_CLOSE, GMQ_DEFER};
    for (size_t i = 0; i < 4; i++) {
        memset(ran, 0, sizeof(ran));
        call.step = 0;
        answers[1] = verdicts[i];
        cr_assert_eq(run("ab"), verdicts[i]);
        cr_assert_eq(call.step, 1);
    }
}

Test(route, a_deferred_call_goes_on_where_it_is_told)
{
    answers[0] = GMQ_DEFER;
    cr_assert_eq(run("a"), GMQ_DEFER);
    call.step++;
    cr_assert_eq(run("abc"), GMQ_NEXT);
    call.step = 3;
    cr_assert_eq(run("abc"), GMQ_NEXT);
}

Test(route, an_answer_that_is_no_verdict_closes)
{
    answers[0] = (gmq_verdict)77;
    call.text = "of something before";
    cr_assert_eq(run("a"), GMQ_CLOSE);
    cr_assert_eq(call.reason, GMQ_REASON_IMPLEMENTATION_SPECIFIC_ERROR);
    cr_assert_null(call.text);
}

Test(route, a_step_whose_condition_does_not_hold_is_left_out)
{
    static char filter[] = "bank/#";
    static char *filters[] = {filter, NULL};
    entries[1].topics = filters;
    steps[1].is_conditional = true;
    cr_assert_eq(run("ac"), GMQ_NEXT);
}

static bool applies_to(char *filter, struct gmq_packet *packet)
{
    static char other[] = "never/this/one";
    char *filters[] = {other, filter, NULL};
    entries[0].topics = filters;
    bool result = route_step_applies(&steps[0], packet, &facts);
    entries[0].topics = NULL;
    return result;
}

#define FILTER(text)                                                                                                   \
    (char[])                                                                                                           \
    {                                                                                                                  \
        text                                                                                                           \
    }

Test(route, a_publish_is_matched_by_its_topic)
{
    cr_assert(applies_to(FILTER("shop/+/price"), &publish.packet));
    cr_assert(applies_to(FILTER("#"), &publish.packet));
    cr_assert_not(applies_to(FILTER("shop/+"), &publish.packet));
    publish.topic = GMQ_VIEW("$SYS/uptime");
    cr_assert_not(applies_to(FILTER("#"), &publish.packet));
    cr_assert(applies_to(FILTER("$SYS/#"), &publish.packet));
}

Test(route, a_subscribe_is_matched_by_any_of_its_filters)
{
    struct subscribe_entry wanted[] = {{.topic_filter = GMQ_VIEW("news")}, {.topic_filter = GMQ_VIEW("shop/+/price")}};
    struct gmq_subscribe subscribe = {.packet = {.type = GMQ_SUBSCRIBE}, .entries = wanted, .count = 2};
    cr_assert(applies_to(FILTER("shop/+/price"), &subscribe.packet), "the same filter");
    cr_assert(applies_to(FILTER("new/../news") + 7, &subscribe.packet), "the same name");
    cr_assert(applies_to(FILTER("+"), &subscribe.packet), "a name that is matched");
    cr_assert_not(applies_to(FILTER("shop/#"), &subscribe.packet), "a wider filter is no match for another filter");
    wanted[1].topic_filter = GMQ_VIEW("$share/group/shop/1/price");
    cr_assert(applies_to(FILTER("shop/+/price"), &subscribe.packet), "a shared one counts by what is shared");
    wanted[1].topic_filter = GMQ_VIEW("$share/broken");
    cr_assert_not(applies_to(FILTER("shop/+/price"), &subscribe.packet));
}

Test(route, an_unsubscribe_is_matched_by_any_of_its_filters)
{
    gmq_view filters[] = {GMQ_VIEW("news"), GMQ_VIEW("shop/1/price")};
    struct gmq_unsubscribe unsubscribe = {.packet = {.type = GMQ_UNSUBSCRIBE}, .topic_filters = filters, .count = 2};
    cr_assert(applies_to(FILTER("shop/+/price"), &unsubscribe.packet));
    cr_assert_not(applies_to(FILTER("bank/#"), &unsubscribe.packet));
}

Test(route, no_topic_matches_no_condition_on_it)
{
    struct gmq_packet ping = {.type = GMQ_PINGREQ};
    cr_assert_not(applies_to(FILTER("#"), &ping));
}

Test(route, listeners_and_versions_are_conditions)
{
    uint64_t second_and_last = UINT64_C(1) << 1 | UINT64_C(1) << 63;
    entries[0].listeners = &second_and_last;
    for (uint32_t listener = 0; listener < 70; listener++) {
        struct route_facts from = {listener, GMQ_VERSION_3_1_1};
        cr_assert_eq(route_step_applies(&steps[0], &publish.packet, &from), listener == 1 || listener == 63);
    }
    cr_assert_not(route_step_applies(&steps[0], &publish.packet, &(struct route_facts){UINT32_MAX, 5}));
    entries[0].listeners = NULL;
    cr_assert(route_step_applies(&steps[0], &publish.packet, &(struct route_facts){UINT32_MAX, 5}));
    entries[0].versions = CONFIG_VERSION_3_1 | CONFIG_VERSION_5_0;
    for (uint8_t version = 0; version < 255; version++) {
        struct route_facts from = {0, version};
        cr_assert_eq(route_step_applies(&steps[0], &publish.packet, &from), version == 3 || version == 5);
    }
}

Test(route, all_conditions_of_a_step_must_hold)
{
    uint64_t first = 1;
    entries[0].listeners = &first;
    entries[0].versions = CONFIG_VERSION_3_1_1;
    cr_assert_not(applies_to(FILTER("shop/#"), &publish.packet));
    entries[0].versions = CONFIG_VERSION_ALL;
    cr_assert(applies_to(FILTER("shop/#"), &publish.packet));
}

Test(route, every_callback_of_an_event_runs)
{
    for (size_t i = 0; i < STEPS_MAX; i++)
        steps[i].function = (route_function *)(void (*)(void))callback;
    struct route callbacks = {.steps = steps, .count = 4, .type = GMQ_EVENT_CLOSE};
    route_call_back(&call, &callbacks);
    cr_assert_str_eq(ran, "ABCD");
    cr_assert_eq(call.route, &callbacks);
}
