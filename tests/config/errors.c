/* Each error: its place, what is wrong, what to do. */
#include "given.h"

#define PLUGINS "\"plugins\": { " GIVEN_PLUGIN " }"

/* `text` is the rest of a file whose first line is its plugin. */
#define IN_FILE(text) "{ " PLUGINS ",\n" text "\n}"

Test(errors, an_unknown_key_is_told_with_the_nearest_known_one)
{
    given_expect(IN_FILE("\"listener\": []"), "f:2:1: unknown key \"listener\"; did you mean \"listeners\"?");
    given_expect(IN_FILE("\"log\": { \"x\": 1 }"), "f:2:10: log: unknown key \"x\"; known are: format, level, file");
    given_expect(IN_FILE("\"limits\": { \"qwertz\": 1 }"),
                 "f:2:13: limits: unknown key \"qwertz\"; etc/README.md lists the known ones");
    given_expect(IN_FILE("\"routes\": { \"publish\": 1 }"),
                 "f:2:13: routes: unknown key \"publish\"; did you mean \"PUBLISH\"?");
    given_expect(IN_FILE("\"callbacks\": { \"worker_starts\": 1 }"),
                 "f:2:16: callbacks: unknown key \"worker_starts\"; did you mean \"worker_start\"?");
    given_expect(IN_FILE("\"a\\n\\u001b\": 1"),
                 "f:2:1: unknown key \"a\\n\\x1b\"; known are: $schema, workers, "
                 "listeners, plugins, routes, outgoing, callbacks, limits, log, control");
}

Test(errors, a_value_of_another_type_is_told_with_both_types)
{
    given_expect("[]", "f:1:1: expected an object, found a list; correct the value");
    given_expect(IN_FILE("\"workers\": null"),
                 "f:2:12: workers: expected a number or a string, found null; correct the value");
    given_expect(IN_FILE("\"workers\": 1.5"),
                 "f:2:12: workers: expected a number or a string, found a number with a fraction; correct the value");
    given_expect(IN_FILE("\"log\": true"), "f:2:8: log: expected an object, found true or false; correct the value");
    given_expect(IN_FILE("\"listeners\": { }"),
                 "f:2:14: listeners: expected a list, found an object; correct the value");
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": [ 1 ] }"),
                 "f:2:26: routes.PUBLISH[0]: expected a string or an object, found a number; correct the value");
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": 1 }"),
                 "f:2:24: routes.PUBLISH: expected a string or an object or a list, found a number; correct the value");
}

Test(errors, a_value_out_of_range_is_told_with_the_bounds)
{
    given_expect(IN_FILE("\"workers\": 65"), "f:2:12: workers: 65 is out of range; use 1 to 64");
    given_expect(IN_FILE("\"limits\": { \"jobs\": -1 }"), "f:2:21: limits.jobs: -1 is out of range; use 1 to 10000000");
    given_expect(IN_FILE("\"log\": { \"format\": \"xml\" }"),
                 "f:2:20: log.format: unknown value \"xml\"; use one of \"text\", \"json\"");
    given_expect(IN_FILE("\"log\": { \"level\": \"warming\" }"),
                 "f:2:19: log.level: unknown value \"warming\"; did you mean \"warning\"?");
    given_expect(IN_FILE("\"workers\": \"all\""), "f:2:12: workers: unknown value \"all\"; use a number or \"auto\"");
    given_expect(IN_FILE("\"limits\": { \"keep_alive_min_seconds\": 9, \"keep_alive_max_seconds\": 8 }"),
                 "f:2:11: limits: keep_alive_min_seconds (9) is above keep_alive_max_seconds (8); lower it");
}

Test(errors, listeners_are_held_to_their_names_and_addresses)
{
    given_expect(IN_FILE("\"listeners\": [ ]"), "f:2:14: listeners: is empty; name at least one, or remove the key");
    given_expect(IN_FILE("\"listeners\": [ { } ]"), "f:2:16: listeners[0]: \"name\" is missing; add it");
    given_expect(
        IN_FILE("\"listeners\": [ { \"name\": \"a b\" } ]"),
        "f:2:26: listeners[0].name: \"a b\" can't be used; write 1 to 64 letters, digits, \"_\", \".\" and \"-\"");
    given_expect(IN_FILE("\"listeners\": [ { \"name\": \"a\", \"port\": 65536 } ]"),
                 "f:2:39: listeners[0].port: 65536 is out of range; use 0 to 65535");
    given_expect(
        IN_FILE("\"listeners\": [ { \"name\": \"a\", \"bind\": \"example.org\" } ]"),
        "f:2:39: listeners[0].bind: \"example.org\" is no address; write \"localhost\", \"*\", an IPv4 or IPv6 "
        "address, or a socket's path with a \"/\"");
    given_expect(IN_FILE("\"listeners\": [ { \"name\": \"a\", \"bind\": \"/s\", \"mode\": \"0888\" } ]"),
                 "f:2:53: listeners[0].mode: \"0888\" can't be used; write three octal digits, as in \"0660\"");
    given_expect(IN_FILE("\"listeners\": [ { \"name\": \"a\" },\n  { \"name\": \"a\", \"port\": 1 } ]"),
                 "f:3:3: listeners[1]: the name \"a\" is taken by the listener in line 2; choose another");
    given_expect(IN_FILE("\"listeners\": [ { \"name\": \"a\" },\n  { \"name\": \"b\" } ]"),
                 "f:3:3: listeners[1]: listens where the listener in line 2 does; change \"bind\" or \"port\"");
    given_expect(IN_FILE("\"listeners\": [ { \"name\": \"a\", \"mode\": \"600\" },\n"
                         "  { \"name\": \"b\", \"bind\": \"/s\", \"port\": 1 } ]"),
                 "warning: f:2:39: listeners[0].mode: has no effect on a TCP socket; remove it",
                 "warning: f:3:40: listeners[1].port: has no effect on a unix socket; remove it");
}

Test(errors, a_socket_path_longer_than_the_system_takes_is_refused)
{
    char text[512];
    snprintf(text, sizeof(text), "{ " PLUGINS ",\n\"listeners\": [ { \"name\": \"a\", \"bind\": \"/%0107d\" } ] }", 0);
    given_expect(text, "f:2:39: listeners[0].bind: the socket's path has 108 bytes; the system takes at most 107");
}

Test(errors, plugins_are_held_to_their_names_and_keys)
{
    given_expect(
        "{ \"plugins\": { \"a:b\": { \"path\": \"/proc/self/exe\" }, " GIVEN_PLUGIN " } }",
        "f:1:16: plugins: the name \"a:b\" can't be used; write 1 to 64 letters, digits, \"_\", \".\" and \"-\"");
    given_expect("{ \"plugins\": { \"broker\": { } } }", "f:1:26: plugins.broker: \"path\" is missing; add it");
    given_expect("{ \"plugins\": { \"broker\": { \"path\": \"\" } } }",
                 "f:1:36: plugins.broker.path: \"\" can't be used; write a text that is not empty");
    given_expect("{ \"plugins\": { \"broker\": 1 } }",
                 "f:1:26: plugins.broker: expected an object, found a number; correct the value");
}

Test(errors, a_packet_type_in_the_wrong_section_is_told_with_the_right_one)
{
    given_expect(IN_FILE("\"routes\": { \"CONNACK\": \"broker:f\" }"),
                 "f:2:13: routes: \"CONNACK\" can't stand here: this packet is sent by the broker only; move it to "
                 "\"outgoing\"");
    given_expect(
        IN_FILE("\"outgoing\": { \"SUBSCRIBE\": \"broker:f\" }"),
        "f:2:15: outgoing: \"SUBSCRIBE\" can't stand here: this packet is sent by clients only; move it to \"routes\"");
}

Test(errors, a_handler_names_a_plugin_that_there_is)
{
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": [ \"broker:f\", \"brokr:f\" ] }"),
                 "f:2:38: routes.PUBLISH[1]: unknown plugin \"brokr\"; did you mean \"broker\"?");
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": { \"handler\": \"shop:f\" } }"),
                 "f:2:37: routes.PUBLISH.handler: unknown plugin \"shop\"; add it to \"plugins\"");
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": { } }"), "f:2:24: routes.PUBLISH: \"handler\" is missing; add it");
    given_expect(IN_FILE("\"routes\": { \"PUBLISH\": [ ] }"),
                 "f:2:24: routes.PUBLISH: is empty; name at least one, or remove the key");
}

Test(errors, a_handler_is_written_as_plugin_and_function)
{
    static const char *const wrong[] = {"broker",    ":f",         "broker:", "broker:f:g",
                                        "broker:1f", "broker:f g", "a b:f",   "broker::f"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];
        char expected[256];
        snprintf(text, sizeof(text), IN_FILE("\"callbacks\": { \"open\": \"%s\" }"), wrong[i]);
        snprintf(expected, sizeof(expected),
                 "f:2:24: callbacks.open: \"%s\" can't be used; write \"PLUGIN:HANDLER\", as in \"broker:on_publish\"",
                 wrong[i]);
        given_expect(text, expected);
    }
}

#define ENTRY(type, rest) IN_FILE("\"routes\": { \"" type "\": { \"handler\": \"broker:f\", " rest " } }")

Test(errors, conditions_are_held_to_what_there_is_to_compare)
{
    given_expect(
        ENTRY("CONNECT", "\"topics\": [ \"a\" ]"),
        "f:2:49: routes.CONNECT: \"topics\" can't stand here: only PUBLISH, SUBSCRIBE and UNSUBSCRIBE have topics "
        "to compare; remove it");
    given_expect(
        ENTRY("PUBLISH", "\"topics\": [ \"a\", \"a#\" ]"),
        "f:2:66: routes.PUBLISH.topics[1]: \"a#\" can't be used; write a topic filter without \"$share/\"; \"+\" "
        "and \"#\" stand alone between slashes, \"#\" at the end");
    given_expect(ENTRY("PUBLISH", "\"topics\": \"a\""),
                 "f:2:59: routes.PUBLISH.topics: expected a list, found a string; correct the value");
    given_expect(ENTRY("CONNECT", "\"listeners\": [ \"mqt\" ]"),
                 "f:2:64: routes.CONNECT.listeners[0]: unknown listener \"mqt\"; did you mean \"mqtt\"?");
    given_expect(ENTRY("CONNECT", "\"listeners\": [ \"zzzzz\" ]"),
                 "f:2:64: routes.CONNECT.listeners[0]: unknown listener \"zzzzz\"; add it to \"listeners\"");
    given_expect(ENTRY("CONNECT", "\"versions\": [ \"4\" ]"),
                 "f:2:63: routes.CONNECT.versions[0]: unknown value \"4\"; use "
                 "one of \"3.1\", \"3.1.1\", \"5.0\"");
    given_expect(ENTRY("CONNECT", "\"versions\": [ ]"),
                 "f:2:61: routes.CONNECT.versions: is empty; name at least one, or remove the key");
    given_expect(ENTRY("CONNECT", "\"versions\": [ \"5.0\", \"5.0\", \"5.0\", \"5.0\" ]"),
                 "f:2:61: routes.CONNECT.versions: has 4 elements; at most 3 are possible");
    given_expect(ENTRY("CONNECT", "\"defer\": { \"limit_ms\": 0 }"),
                 "f:2:72: routes.CONNECT.defer.limit_ms: 0 is out of range; use 1 to 3600000");
    given_expect(ENTRY("CONNECT", "\"args\": [ ]"),
                 "f:2:57: routes.CONNECT.args: expected an object, found a list; correct the value");
}

Test(errors, outgoing_packets_and_callbacks_are_not_deferred)
{
    given_expect(IN_FILE("\"outgoing\": { \"PUBLISH\": { \"handler\": \"broker:f\", \"defer\": { } } }"),
                 "f:2:51: outgoing.PUBLISH: \"defer\" can't stand here: only packets from clients (\"routes\") can be "
                 "deferred; remove it");
    given_expect(IN_FILE("\"callbacks\": { \"tick\": { \"handler\": \"broker:f\", \"defer\": { } } }"),
                 "f:2:49: callbacks.tick: \"defer\" can't stand here: only packets from clients (\"routes\") can be "
                 "deferred; remove it");
    given_expect(
        IN_FILE("\"callbacks\": { \"tick\": { \"handler\": \"broker:f\", \"listeners\": [ \"mqtt\" ] } }"),
        "f:2:49: callbacks.tick: \"listeners\" can't stand here: this event has no connection, so no listener; "
        "remove it");
    given_expect(
        IN_FILE("\"callbacks\": { \"open\": { \"handler\": \"broker:f\", \"versions\": [ \"5.0\" ] } }"),
        "f:2:49: callbacks.open: \"versions\" can't stand here: the protocol version is not known at this event; "
        "remove it");
}

Test(errors, packets_that_nothing_handles_are_warned_of)
{
    given_expect(
        "{ \"plugins\": { \"shop\": { \"path\": \"/proc/self/exe\" } },\n"
        "  \"routes\": { \"CONNECT\": \"shop:f\", \"PUBLISH\": \"shop:f\" } }",
        "warning: f:2:13: routes: no route for PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, "
        "DISCONNECT, AUTH: clients that send them will be closed; route them or add a plugin \"broker\"");
}

Test(errors, all_errors_are_told_at_once)
{
    given_expect(
        "{\n  \"workers\": 0,\n  \"plugins\": { \"broker\": { \"path\": \"/nothing\" } },\n"
        "  \"routes\": { \"PUBLISH\": [ \"brokr:f\", { \"handler\": \"broker:f\", \"topic\": 1 } ] },\n"
        "  \"log\": { \"level\": 1 }\n}",
        "f:2:14: workers: 0 is out of range; use 1 to 64",
        "f:3:36: plugins.broker.path: no plugin file \"/nothing\" (No such file or directory); correct the path or "
        "put the file there",
        "f:4:28: routes.PUBLISH[0]: unknown plugin \"brokr\"; did you mean \"broker\"?",
        "f:4:64: routes.PUBLISH[1]: unknown key \"topic\"; did you mean \"topics\"?",
        "f:5:21: log.level: expected a string, found a number; correct the value");
}

Test(errors, more_errors_than_are_kept_are_counted)
{
    struct problems problems = {0};
    char text[16384] = "{";
    for (int i = 0; i < PROBLEMS_MAX + 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "\"k%d\": 1,\n", i);
    strcat(text, "\"k\": 1}");
    cr_assert(zero(ptr, given_parse_as(text, "f", &problems)));
    cr_assert(eq(sz, problems.count, PROBLEMS_MAX));
    cr_assert(eq(sz, problems.error_count, PROBLEMS_MAX + 101));
    problems_deinit(&problems);
}

Test(errors, broken_json_is_told_with_a_hint)
{
    given_expect("{ \"a\": 1, }",
                 "f:1:11: string or '}' expected near '}'; remove the comma before the closing bracket");
    given_expect("{ \"a\": [ 1,\n ] }",
                 "f:2:2: unexpected token near ']'; remove the comma before the closing bracket");
    given_expect("{ \"a\": 1 // no\n}", "f:1:10: '}' expected near '/'; JSON has no comments: use a key called \"//\"");
    given_expect("{ # no\n}", "f:1:3: string or '}' expected near '#'; JSON has no comments: use a key called \"//\"");
    given_expect("{ 'a': 1 }", "f:1:3: string or '}' expected near '''; strings stand in double quotes");
    given_expect("{ \"a\": 1 \"b\": 2 }", "f:1:12: '}' expected near '\"b\"'; a comma may be missing before it");
    given_expect("{ \"a\": [ 1",
                 "f:1:10: ']' expected near end of file; a closing bracket or quotation mark is missing");
    given_expect("{ } }", "f:1:5: end of file expected near '}'; remove what follows the closing bracket");
    given_expect("{ \"a\": yes }", "f:1:10: invalid token near 'yes'; correct the JSON there");
    given_expect("\xEF\xBB\xBF{ }",
                 "f:1:1: '[' or '{' expected near '\xEF\xBB\xBF'; save the file without a byte order mark");
    given_expect("{ \"a\": 99999999999999999999 }",
                 "f:1:27: too big integer near '99999999999999999999'; use a smaller number");
    given_expect("", "f:1:1: '[' or '{' expected near end of file; a closing bracket or quotation mark is missing");
    given_expect(
        "{ \"a\": 1, \"a\": 2 }",
        "f:1:13: duplicate object key near '\"a\"'; name each key once in an object (several lines of comment: "
        "\"//\" with a list)");
}

Test(errors, only_packets_from_clients_go_to_isolated_plugins)
{
    given_expect(
        IN_FILE("\"outgoing\": { \"PUBLISH\": { \"handler\": \"broker:f\", \"on_fault\": \"next\" } }"),
        "f:2:51: outgoing.PUBLISH: \"on_fault\" can't stand here: only packets from clients (\"routes\") go to "
        "isolated plugins; remove it");
}

Test(errors, a_budget_is_neither_nothing_nor_endless)
{
    given_expect(ENTRY("CONNECT", "\"budget_us\": 9"),
                 "f:2:62: routes.CONNECT.budget_us: 9 is out of range; use 10 to 3600000000");
}
