/* What is in etc/ is what the code says. */
#include "given.h"

#include <unistd.h>

#define ETC GRAFTMQ_SOURCE_FOLDER "/etc/"

Test(shipped, the_default_configuration_is_valid_and_routes_every_packet_that_clients_send)
{
    char folder[32];
    given_folder(folder);
    given_file(folder, "broker.so", "");
    struct config_overrides overrides = {.port = -1, .plugin_folder = folder};
    struct problems problems = {0};
    struct config *config = config_load(ETC "graftmq.json", &overrides, &problems);
    cr_assert(zero(sz, problems.count), "%s", problems.count > 0 ? problems.lines[0] : "");
    cr_assert(eq(u32, config->workers, 1));
    cr_assert(eq(sz, config->listener_count, 1));
    cr_assert(eq(str, config->listeners[0].name, "mqtt"));
    cr_assert(eq(int, config->listeners[0].family, CONFIG_LOCALHOST));
    cr_assert(eq(u16, config->listeners[0].port, 1883));
    size_t routes = 0;
    for (size_t i = 0; i < CONFIG_PACKET_TYPES; i++)
        routes += config->incoming[i].count;
    cr_assert(eq(sz, routes, 11));
    config_free(config);
    char path[64];
    snprintf(path, sizeof(path), "%s/broker.so", folder);
    unlink(path);
    rmdir(folder);
}

Test(shipped, the_schema_file_is_what_the_tables_say)
{
    size_t length;
    char *file = given_read_file(ETC "graftmq.schema.json", &length);
    char *made = config_schema_json();
    cr_assert(eq(sz, length, strlen(made)));
    cr_assert(eq(str, file, made));
    mem_free(made);
    free(file);
}

Test(shipped, the_table_of_keys_is_what_the_tables_say)
{
    size_t length;
    char *file = given_read_file(ETC "README.md", &length);
    char *begin = strstr(file, "<!-- keys -->\n");
    char *end = strstr(file, "<!-- /keys -->");
    cr_assert(not(zero(ptr, begin)));
    cr_assert(not(zero(ptr, end)));
    begin += strlen("<!-- keys -->\n");
    *end = '\0';
    char *made = config_schema_markdown();
    cr_assert(eq(str, begin, made));
    mem_free(made);
    free(file);
}

/* The examples of the page, put together to one file. */
Test(shipped, the_examples_of_the_page_are_valid)
{
    size_t length;
    char *page = given_read_file(ETC "README.md", &length);
    char text[8192] = "{";
    for (char *at = strstr(page, "```json\n"); at != NULL; at = strstr(at, "```json\n")) {
        at += strlen("```json\n");
        char *end = strstr(at, "```");
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", text[1] != '\0' ? "," : "",
                 (int)(end - at), at);
        at = end + 3;
    }
    strcat(text, "}");
    for (char *path = strstr(text, "/opt/shop/shop.so"); path != NULL; path = strstr(path, "/opt/shop/shop.so"))
        memcpy(path, "/proc/self//./exe", 17);
    char *path = strstr(text, "\"broker.so\"");
    char with_path[8192 + 32];
    snprintf(with_path, sizeof(with_path), "%.*s\"/proc/self/exe\"%s", (int)(path - text), text, path + 11);
    config_free(given_config(with_path));
    free(page);
}
