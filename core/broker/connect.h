/* CONNECT: the one packet that decides what a connection is (5.0, 3.1). */
#ifndef BROKER_CONNECT_H
#define BROKER_CONNECT_H

#include "broker/client.h"
#include "broker/session.h"

/* Takes the first packet of a client. */
enum client_outcome connect_receive(struct gmq_client *client, const struct frame *frame, uint32_t *worker);

/* What gmq_session_open does. */
gmq_status connect_open_session(struct gmq_client *client, struct gmq_connect *packet, bool *is_present);

/* Fills a CONNACK as gmq_connack_for says. */
void connect_acknowledge(const struct gmq_client *client, const struct gmq_connect *packet,
                         struct gmq_connack *connack);

#endif
