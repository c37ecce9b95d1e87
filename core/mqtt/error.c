/* What errors and reason codes mean: look-ups in errors.def and reasons.def. */
#include "mqtt/error.h"

struct error_row {
    const char *text;
    uint8_t reason;
    uint8_t return_code;
};

static const struct error_row error_rows[MQTT_ERROR_COUNT] = {
    [MQTT_OK] = {"no error", GMQ_REASON_SUCCESS, 0},
#define ERROR(name, reason, text, return_code) [MQTT_ERROR_##name] = {text, GMQ_REASON_##reason, return_code},
#include "mqtt/errors.def"
#undef ERROR
};

struct reason_row {
    const char *text; /* NULL: not in the standard */
    uint32_t packets;
    uint8_t return_code;
};

#define IN(type) (UINT32_C(1) << GMQ_##type)
#define LEAVING UINT32_C(1) /* no packet has type 0, so its bit is free, as are those above 15 */
#define CLIENTS (UINT32_C(1) << 16)

static const struct reason_row reason_rows[256] = {
#define REASON(code, text, packets, return_code) [code] = {text, packets, return_code},
#include "mqtt/reasons.def"
#undef REASON
};

static const struct reason_row *reason_row_of(gmq_reason reason)
{
    return &reason_rows[(unsigned)reason & 0xFF];
}

static const struct error_row *error_row_of(enum mqtt_error error)
{
    return &error_rows[(unsigned)error < MQTT_ERROR_COUNT ? error : MQTT_OK];
}

const char *mqtt_error_text(enum mqtt_error error)
{
    return error_row_of(error)->text;
}

gmq_reason mqtt_error_reason(enum mqtt_error error)
{
    return (gmq_reason)error_row_of(error)->reason;
}

uint8_t mqtt_error_return_code(enum mqtt_error error)
{
    return error_row_of(error)->return_code;
}

uint8_t mqtt_return_code_of(gmq_reason reason)
{
    enum { SERVER_UNAVAILABLE = 3 };
    const struct reason_row *row = reason_row_of(reason);
    if (row->text != NULL)
        return row->return_code;
    /* A refusal must stay one, even with a code that the standard doesn't know. */
    return reason >= GMQ_REASON_UNSPECIFIED_ERROR ? SERVER_UNAVAILABLE : 0;
}

const char *mqtt_reason_name(gmq_reason reason)
{
    return (unsigned)reason <= 0xFF ? reason_row_of(reason)->text : NULL;
}

bool mqtt_reason_is_allowed(gmq_packet_type type, gmq_reason reason)
{
    if (type < GMQ_CONNECT || type > GMQ_AUTH || (unsigned)reason > 0xFF)
        return false;
    return (reason_row_of(reason)->packets & UINT32_C(1) << type) != 0;
}

bool mqtt_reason_is_of_leaving(gmq_reason reason)
{
    return (unsigned)reason <= 0xFF && (reason_row_of(reason)->packets & LEAVING) != 0;
}

bool mqtt_reason_is_of_client(gmq_reason reason)
{
    return (unsigned)reason <= 0xFF && (reason_row_of(reason)->packets & CLIENTS) != 0;
}
