/* The flows of QoS 1 and 2 (5.0, 4.3), as the acknowledgements come in. */
#ifndef BROKER_FLOW_H
#define BROKER_FLOW_H

#include "broker/client.h"

/* A client without a session has no flows: what it acknowledges is answered as unknown. */
void flow_puback(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason);
void flow_pubrec(struct gmq_client *client, uint16_t packet_identifier, gmq_reason reason);
void flow_pubrel(struct gmq_client *client, uint16_t packet_identifier);
void flow_pubcomp(struct gmq_client *client, uint16_t packet_identifier);

/* A QoS 2 message is known by its identifier from before it is handled, so that nothing can fail once it is delivered;
 * but as long as it isn't acknowledged, the client may have to send it again, and then it is a new one. Settled: PUBREC
 * is on its way. Abandoned: the client leaves its session without that. */
void flow_settle(struct gmq_client *client, uint16_t packet_identifier);
void flow_abandon(struct gmq_client *client);

/* Acknowledges a PUBLISH of the client. */
gmq_status flow_acknowledge(struct gmq_client *client, uint8_t qos, uint16_t packet_identifier, gmq_reason reason);

#endif
