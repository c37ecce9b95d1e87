/* Everything that a GraftMQ plugin may use. See plugins/README.md for how to write one. */
#ifndef GRAFTMQ_PLUGIN_H
#define GRAFTMQ_PLUGIN_H

#include <graftmq/abi.h>
#include <graftmq/broker.h>
#include <graftmq/call.h>
#include <graftmq/client.h>
#include <graftmq/loop.h>
#include <graftmq/packet.h>
#include <graftmq/types.h>

#endif
