/* Any bytes as a configuration file: errors or a configuration, never anything else. */
#include "config/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct problems problems = {0};
    struct config_overrides overrides = {.port = -1, .plugin_folder = "/proc/self"};
    struct config *config = config_parse((const char *)bytes, length, "fuzz.json", &overrides, &problems);
    if ((config == NULL) != problems_has_errors(&problems))
        abort();
    config_free(config);
    problems_deinit(&problems);
    return 0;
}
