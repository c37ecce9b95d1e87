/* The plugin "desk" asks the program that loads it what to do: a test gives its handlers as functions of its own. The
 * program exports these two. */
#ifndef TESTS_PLUGINS_DESK_H
#define TESTS_PLUGINS_DESK_H

#include <graftmq/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

GMQ_EXPORT gmq_verdict desk_handle(gmq_call *call, gmq_packet *packet, gmq_packet_type type);
GMQ_EXPORT void desk_call_back(gmq_call *call, gmq_event event);

#ifdef __cplusplus
}
#endif

#endif
