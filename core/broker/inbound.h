/* Packets from a client after its CONNECT. */
#ifndef BROKER_INBOUND_H
#define BROKER_INBOUND_H

#include "broker/client.h"

enum client_outcome inbound_receive(struct gmq_client *client, const struct frame *frame);

#endif
