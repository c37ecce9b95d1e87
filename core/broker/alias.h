/* Topic aliases of one connection (5.0, 3.3.2.3.4), each direction with its own. */
#ifndef BROKER_ALIAS_H
#define BROKER_ALIAS_H

#include "broker/client.h"
#include "mqtt/packet.h"

/* Resolves the alias of a PUBLISH from the client, or learns it. MQTT_ERROR_TOPIC_ALIAS: above the maximum;
 * MQTT_ERROR_TOPIC_MISSING: not known; MQTT_ERROR_MEMORY. */
enum mqtt_error alias_resolve(struct gmq_client *client, struct gmq_publish *packet);

/* The alias that the client knows for a topic; 0: none. */
uint16_t alias_known(const struct gmq_client *client, gmq_view topic);

/* The alias that a topic can get next; 0: no more, or not worth it. Once the packet that tells it is on its way, call
 * alias_assign; false: memory is out, and the alias must not be used. */
uint16_t alias_next(const struct gmq_client *client, gmq_view topic);
bool alias_assign(struct gmq_client *client, gmq_view topic);

/* Forgets all. */
void alias_free(struct gmq_client *client);

#endif
