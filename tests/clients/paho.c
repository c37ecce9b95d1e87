/* A client made of the Paho C library, driven as mqttjs.js is: commands come as lines of JSON on standard input, events
 * go out the same way. It is one client a process, so that a client dies by being killed. Binary data is hexadecimal
 * text, a property is [identifier, value] or, if it is a pair, [identifier, name, value]. Counterpart: real.py. */

#include <MQTTAsync.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static MQTTAsync client;
static int version;
static MQTTAsync_connectOptions options; /* and all that they point to are kept: each connection is made of them */
static MQTTAsync_willOptions will_options = MQTTAsync_willOptions_initializer;
static MQTTProperties connect_properties, will_properties;

/* ---- events ---- */

/* Called by the library's threads too. One call writes one line, and stdio locks for each. */
static void tell(json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);
    if (text == NULL || printf("%s\n", text) < 0 || fflush(stdout) != 0)
        abort();
    free(text);
    json_decref(event);
}

static void tell_error(const char *event, int code, const char *message)
{
    const char *text = message != NULL ? message : MQTTAsync_strerror(code);
    tell(json_pack("{s:s, s:o}", "event", event, "error",
                   json_sprintf("%d: %s", code, text != NULL ? text : "unknown")));
}

static void tell_done(void)
{
    tell(json_pack("{s:s, s:n}", "event", "done", "error"));
}

static void tell_granted(int code)
{
    tell(json_pack("{s:s, s:n, s:[i]}", "event", "done", "error", "granted", code));
}

/* ---- binary data and properties ---- */

static json_t *hex_of(const void *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * length + 1);
    if (text == NULL)
        abort();
    for (size_t at = 0; at < length; at++) {
        const uint8_t byte = ((const uint8_t *)data)[at];
        text[2 * at] = digits[byte >> 4];
        text[2 * at + 1] = digits[byte & 15];
    }
    json_t *value = json_stringn(text, 2 * length);
    free(text);
    return value;
}

/* Bytes that are the caller's to free(); none for NULL. */
static char *bytes_of(const json_t *hex, int *length)
{
    const char *text = json_string_value(hex);
    *length = (int)(json_string_length(hex) / 2);
    char *bytes = malloc((size_t)*length + 1);
    if (bytes == NULL)
        abort();
    for (int at = 0; at < *length; at++) {
        const char pair[] = {text[2 * at], text[2 * at + 1], '\0'};
        bytes[at] = (char)strtoul(pair, NULL, 16);
    }
    bytes[*length] = '\0';
    return bytes;
}

static MQTTLenString string_of(const json_t *text)
{
    return (MQTTLenString){.len = (int)json_string_length(text), .data = (char *)json_string_value(text)};
}

static void add_property(MQTTProperties *properties, const json_t *row)
{
    const json_t *value = json_array_get(row, 1);
    MQTTProperty property = {.identifier = (enum MQTTPropertyCodes)json_integer_value(json_array_get(row, 0))};
    char *bytes = NULL;
    switch (MQTTProperty_getType(property.identifier)) {
    case MQTTPROPERTY_TYPE_BYTE:
        property.value.byte = (unsigned char)json_integer_value(value);
        break;
    case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
        property.value.integer2 = (unsigned short)json_integer_value(value);
        break;
    case MQTTPROPERTY_TYPE_BINARY_DATA:
        bytes = bytes_of(value, &property.value.data.len);
        property.value.data.data = bytes;
        break;
    case MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING:
        property.value.data = string_of(value);
        break;
    case MQTTPROPERTY_TYPE_UTF_8_STRING_PAIR:
        property.value.data = string_of(value);
        property.value.value = string_of(json_array_get(row, 2));
        break;
    default:
        property.value.integer4 = (unsigned int)json_integer_value(value);
        break;
    }
    if (MQTTProperties_add(properties, &property) != 0) /* which copies what the property points to */
        abort();
    free(bytes);
}

static MQTTProperties properties_of(const json_t *rows)
{
    MQTTProperties properties = MQTTProperties_initializer;
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        add_property(&properties, row);
    }
    return properties;
}

static json_t *row_of(const MQTTProperty *property)
{
    const int identifier = property->identifier;
    const MQTTLenString *data = &property->value.data, *value = &property->value.value;
    switch (MQTTProperty_getType(property->identifier)) {
    case MQTTPROPERTY_TYPE_BYTE:
        return json_pack("[i, i]", identifier, property->value.byte);
    case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
        return json_pack("[i, i]", identifier, property->value.integer2);
    case MQTTPROPERTY_TYPE_BINARY_DATA:
        return json_pack("[i, o]", identifier, hex_of(data->data, (size_t)data->len));
    case MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING:
        return json_pack("[i, s#]", identifier, data->data, data->len);
    case MQTTPROPERTY_TYPE_UTF_8_STRING_PAIR:
        return json_pack("[i, s#, s#]", identifier, data->data, data->len, value->data, value->len);
    default:
        return json_pack("[i, I]", identifier, (json_int_t)property->value.integer4);
    }
}

/* ---- what the library calls ---- */

static void on_connect(void *context, MQTTAsync_successData *response)
{
    (void)context;
    tell(json_pack("{s:s, s:b}", "event", "connect", "sessionPresent", response->alt.connect.sessionPresent));
}

static void on_connect_5(void *context, MQTTAsync_successData5 *response)
{
    (void)context;
    tell(json_pack("{s:s, s:b}", "event", "connect", "sessionPresent", response->alt.connect.sessionPresent));
}

/* The library could connect again by itself, but it looks only every 3 s whether there is something to do. */
static void connect_again(void)
{
    const int code = MQTTAsync_connect(client, &options);
    if (code != MQTTASYNC_SUCCESS)
        tell_error("error", code, NULL);
}

static void on_lost(void *context, char *cause)
{
    (void)context, (void)cause;
    connect_again();
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)context, (void)properties, (void)reason;
    connect_again();
}

static void on_connect_failure(void *context, MQTTAsync_failureData *response)
{
    (void)context;
    tell_error("error", response->code, response->message);
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    connect_again();
}

static void on_connect_failure_5(void *context, MQTTAsync_failureData5 *response)
{
    (void)context;
    tell_error("error", response->code, response->message);
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    connect_again();
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)context;
    json_t *properties = json_array();
    for (int at = 0; at < message->properties.count; at++)
        (void)json_array_append_new(properties, row_of(&message->properties.array[at]));
    /* The length is 0 unless the topic has a NUL in it. */
    tell(json_pack("{s:s, s:s#, s:o, s:i, s:b, s:o}", "event", "message", "topic", topic,
                   topic_length != 0 ? topic_length : (int)strlen(topic), "payload",
                   hex_of(message->payload, (size_t)message->payloadlen), "qos", message->qos, "retain",
                   message->retained, "properties", properties));
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void on_done(void *context, MQTTAsync_successData *response)
{
    (void)context, (void)response;
    tell_done();
}

static void on_done_5(void *context, MQTTAsync_successData5 *response)
{
    (void)context, (void)response;
    tell_done();
}

static void on_subscribed(void *context, MQTTAsync_successData *response)
{
    (void)context;
    tell_granted(response->alt.qos);
}

static void on_subscribed_5(void *context, MQTTAsync_successData5 *response)
{
    (void)context;
    tell_granted((int)response->reasonCode);
}

static void on_failure(void *context, MQTTAsync_failureData *response)
{
    (void)context;
    tell_error("done", response->code, response->message);
}

static void on_failure_5(void *context, MQTTAsync_failureData5 *response)
{
    (void)context;
    tell_error("done", response->code != 0 ? response->code : (int)response->reasonCode, response->message);
}

/* ---- commands ---- */

static const char *text_in(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int number_in(const json_t *object, const char *name)
{
    return (int)json_integer_value(json_object_get(object, name));
}

static int create(const json_t *settings)
{
    MQTTAsync_createOptions creation = MQTTAsync_createOptions_initializer;
    creation.MQTTVersion = version;
    creation.sendWhileDisconnected = 1;
    int code = MQTTAsync_createWithOptions(&client, text_in(settings, "uri"), text_in(settings, "client_identifier"),
                                           MQTTCLIENT_PERSISTENCE_NONE, NULL, &creation);
    if (code == MQTTASYNC_SUCCESS)
        code = MQTTAsync_setCallbacks(client, NULL, on_lost, on_message, NULL);
    return code == MQTTASYNC_SUCCESS ? MQTTAsync_setDisconnected(client, NULL, on_disconnected) : code;
}

static void keep_options(json_t *settings)
{
    MQTTAsync_connectOptions below_5 = MQTTAsync_connectOptions_initializer,
                             of_5 = MQTTAsync_connectOptions_initializer5;
    options = version == 5 ? of_5 : below_5;
    const int is_clean = json_is_true(json_object_get(settings, "clean"));
    options.MQTTVersion = version;
    if (version == 5) {
        options.cleanstart = is_clean;
        options.onSuccess5 = on_connect_5;
        options.onFailure5 = on_connect_failure_5;
        connect_properties = properties_of(json_object_get(settings, "properties"));
        options.connectProperties = &connect_properties;
    } else {
        options.cleansession = is_clean;
        options.onSuccess = on_connect;
        options.onFailure = on_connect_failure;
    }
    options.keepAliveInterval = number_in(settings, "keep_alive");
    options.maxInflight = 100;
    options.username = text_in(settings, "user_name");
    if (json_object_get(settings, "password") != NULL)
        options.binarypwd.data = bytes_of(json_object_get(settings, "password"), &options.binarypwd.len);
}

static void keep_will(const json_t *will)
{
    will_options.topicName = text_in(will, "topic");
    will_options.payload.data = bytes_of(json_object_get(will, "payload"), &will_options.payload.len);
    will_options.qos = number_in(will, "qos");
    will_options.retained = json_is_true(json_object_get(will, "retain"));
    options.will = &will_options;
    if (version == 5) {
        will_properties = properties_of(json_object_get(will, "properties"));
        options.willProperties = &will_properties;
    }
}

static void open_client(json_t *settings)
{
    json_incref(settings); /* to which the options point */
    version = number_in(settings, "version");
    keep_options(settings);
    if (json_object_get(settings, "will") != NULL)
        keep_will(json_object_get(settings, "will"));
    const int code = create(settings);
    if (code != MQTTASYNC_SUCCESS)
        tell_error("error", code, NULL);
    else
        connect_again();
}

static MQTTAsync_responseOptions answer_by(MQTTAsync_onSuccess *success, MQTTAsync_onSuccess5 *success_5)
{
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    if (version == 5) {
        answer.onSuccess5 = success_5;
        answer.onFailure5 = on_failure_5;
    } else {
        answer.onSuccess = success;
        answer.onFailure = on_failure;
    }
    return answer;
}

static int subscribe(const json_t *command)
{
    MQTTAsync_responseOptions answer = answer_by(on_subscribed, on_subscribed_5);
    return MQTTAsync_subscribe(client, text_in(command, "filter"), number_in(command, "qos"), &answer);
}

static int publish(const json_t *command)
{
    MQTTAsync_responseOptions answer = answer_by(on_done, on_done_5);
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = bytes_of(json_object_get(command, "payload"), &message.payloadlen);
    message.qos = number_in(command, "qos");
    message.retained = json_is_true(json_object_get(command, "retain"));
    message.properties = properties_of(json_object_get(command, "properties"));
    const int code = MQTTAsync_sendMessage(client, text_in(command, "topic"), &message, &answer);
    free(message.payload);
    MQTTProperties_free(&message.properties);
    return code;
}

static int leave(const json_t *command)
{
    (void)command;
    MQTTAsync_disconnectOptions below_5 = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions of_5 = MQTTAsync_disconnectOptions_initializer5;
    MQTTAsync_disconnectOptions end = version == 5 ? of_5 : below_5;
    if (version == 5) {
        end.onSuccess5 = on_done_5;
        end.onFailure5 = on_failure_5;
    } else {
        end.onSuccess = on_done;
        end.onFailure = on_failure;
    }
    return MQTTAsync_disconnect(client, &end);
}

static void follow(const json_t *command)
{
    static const struct {
        const char *name;
        int (*run)(const json_t *command);
    } commands[] = {{"subscribe", subscribe}, {"publish", publish}, {"leave", leave}};

    const char *name = text_in(command, "do");
    if (strcmp(name, "open") == 0) {
        open_client(json_object_get(command, "settings"));
        return;
    }
    for (size_t at = 0; at < sizeof commands / sizeof commands[0]; at++) {
        if (strcmp(name, commands[at].name) != 0)
            continue;
        const int code = commands[at].run(command);
        if (code != MQTTASYNC_SUCCESS)
            tell_error("done", code, NULL);
        return;
    }
    fprintf(stderr, "no command %s\n", name);
    abort();
}

int main(void)
{
    for (;;) {
        json_t *command = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL);
        if (command == NULL)
            return 0;
        follow(command);
        json_decref(command);
    }
}
