#include "config/form.h"

#include "config/config.h"
#include "mqtt/topic.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

enum { NAME_LENGTH_MAX = 64 };

static bool is_not_empty(const char *text)
{
    return text[0] != '\0';
}

static bool is_name(const char *text)
{
    size_t length = strspn(text, LETTERS DIGITS "_.-");
    return length > 0 && length <= NAME_LENGTH_MAX && text[length] == '\0';
}

static bool is_handler(const char *text)
{
    size_t length = strspn(text, LETTERS DIGITS "_.-");
    if (length == 0 || length > NAME_LENGTH_MAX || text[length] != ':')
        return false;
    const char *function = text + length + 1;
    size_t function_length = strspn(function, LETTERS DIGITS "_");
    bool begins_with_digit = strspn(function, DIGITS) > 0;
    return function_length > 0 && !begins_with_digit && function[function_length] == '\0';
}

static bool is_mode(const char *text)
{
    const char *digits = text[0] == '0' ? text + 1 : text;
    return strlen(digits) == 3 && strspn(digits, "01234567") == 3;
}

/* A share name says who of several subscribers gets a message: nothing to compare a topic with. */
static bool is_topic_filter(const char *text)
{
    return strncmp(text, "$share/", 7) != 0 && topic_is_filter(gmq_view_of(text));
}

static bool is_control(const char *text)
{
    return strchr(text, '/') != NULL || strcmp(text, CONFIG_CONTROL_NONE) == 0;
}

const struct config_form form_name = {is_name, "^[A-Za-z0-9_.-]{1,64}$",
                                      "1 to 64 letters, digits, \"_\", \".\" and \"-\""};
const struct config_form form_handler = {is_handler, "^[A-Za-z0-9_.-]{1,64}:[A-Za-z_][A-Za-z0-9_]*$",
                                         "\"PLUGIN:HANDLER\", as in \"broker:on_publish\""};
const struct config_form form_mode = {is_mode, "^0?[0-7]{3}$", "three octal digits, as in \"0660\""};
const struct config_form form_topic_filter = {
    is_topic_filter, "^(?!$)(?!\\$share/)([^#+/]*|\\+)(/([^#+/]*|\\+))*(/#)?$|^#$",
    "a topic filter without \"$share/\"; \"+\" and \"#\" stand alone between slashes, \"#\" at the end"};
const struct config_form form_not_empty = {is_not_empty, "^.", "a text that is not empty"};
const struct config_form form_control = {is_control, "/|^none$", "a path with a \"/\", or \"none\""};
