/* What can be wrong with a packet, from errors.def. */
#ifndef MQTT_ERROR_H
#define MQTT_ERROR_H

#include <graftmq/types.h>

enum mqtt_error {
    MQTT_OK = 0,
#define ERROR(name, reason, text, return_code) MQTT_ERROR_##name,
#include "mqtt/errors.def"
#undef ERROR
    MQTT_ERROR_COUNT
};

const char *mqtt_error_text(enum mqtt_error error);
gmq_reason mqtt_error_reason(enum mqtt_error error);

/* The return code of CONNACK for 3.1 and 3.1.1 that goes with a broken CONNECT; 0: close without one. */
uint8_t mqtt_error_return_code(enum mqtt_error error);

/* The return code of CONNACK (3.1.1, 3.2.2.3) for an MQTT 5.0 reason. */
uint8_t mqtt_return_code_of(gmq_reason reason);

/* The name of a reason code for people ("not authorized"), or NULL if it isn't in the standard. */
const char *mqtt_reason_name(gmq_reason reason);

/* Whether the standard allows `reason` in packets of `type`. */
bool mqtt_reason_is_allowed(gmq_packet_type type, gmq_reason reason);

/* Whether a client may give `reason` in its DISCONNECT (3.14.2.1). */
bool mqtt_reason_is_of_leaving(gmq_reason reason);

/* Whether only a client may give `reason`: "disconnect with will message", "re-authenticate" (2.4). */
bool mqtt_reason_is_of_client(gmq_reason reason);

#endif
