/* Marks messages with its setting "name" and with how many have passed this instance. */
#include <graftmq/plugin.h>

#include <stdatomic.h>
#include <stdio.h>

GMQ_PLUGIN("zoo", "zoo");

static atomic_int passed;

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    char text[64];
    gmq_view name = gmq_settings_string(gmq_call_settings(call), "name", "none");
    snprintf(text, sizeof(text), "%.*s %d", (int)name.length, name.data, atomic_fetch_add(&passed, 1) + 1);
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("version"), gmq_view_of(text));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
