/* A decoded packet as bytes, with all that a handler can see or change: for a handler in another process. Not the wire
 * form, which knows nothing of a resolved topic alias, a decided filter or the properties of an older version's packet.
 *
 * What comes back is checked as strictly as what the setters of graftmq/packet.h take: the process that wrote it may
 * have gone wrong. */
#ifndef MQTT_PACKET_FLAT_H
#define MQTT_PACKET_FLAT_H

#include "base/arena.h"
#include "base/record.h"
#include "mqtt/packet.h"

/* Appends the packet; the buffer says if memory was out. */
void packet_flat_write(struct buffer *out, const struct gmq_packet *packet);

/* The packet that the view has, in `arena`; its views point into `bytes`, which must live as long. NULL: it is no
 * packet, or memory is out. */
struct gmq_packet *packet_flat_read(gmq_view bytes, struct arena *arena);

#endif
