/* The flows of QoS 1 and 2 (5.0, 4.3), as the acknowledgements come in. */
#ifndef BROKER_FLOW_H
#define BROKER_FLOW_H

#include "broker/client.h"

/* A client without a session has no flows: what it acknowledges is answered as unknown. */
void flow_puback(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason);
void flow_pubrec(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason);
void flow_pubrel(struct gmq_client *client, uint16_t packet_identifier);
void flow_pubcomp(struct gmq_client *client, uint16_t packet_identifier);

/* Acknowledges a PUBLISH of the client. */
gmq_status flow_acknowledge(struct gmq_client *client, uint8_t qos, uint16_t packet_identifier, gmq_reason reason);

#endif
