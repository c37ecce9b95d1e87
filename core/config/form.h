/* The forms that texts of the configuration can have: one row says how it is checked, what JSON Schema calls it and how
 * an error describes it. Pure. */
#ifndef CONFIG_FORM_H
#define CONFIG_FORM_H

#include <stdbool.h>

struct config_form {
    bool (*matches)(const char *text);
    const char *pattern;  /* of JSON Schema; NULL: it can't be said as one */
    const char *expected; /* "must be ..." */
};

extern const struct config_form form_name;         /* of a plugin or a listener */
extern const struct config_form form_handler;      /* "plugin:handler" */
extern const struct config_form form_mode;         /* permissions in octal */
extern const struct config_form form_topic_filter; /* without a share name */
extern const struct config_form form_control, form_not_empty;

#endif
