/* Lets in who is in a list of users, and takes its time over it: the look-up runs in the thread pool, where it may
 * block, while the worker serves its other clients. Replace look_up() by a question to a database or an HTTP service.
 *
 *     {
 *       "plugins": {
 *         "broker": { "path": "broker.so" },
 *         "gate":   { "path": "gate.so", "settings": { "users": { "ada": "secret" }, "delay_ms": 50 } }
 *       },
 *       "routes": { "CONNECT": [ "gate:on_connect", "broker:on_connect" ] }
 *     }
 *
 * Settings:  "users"     an object of names and passwords (a name with a dot can't be found here: use the file)
 *            "file"      a file of lines "name:password", read at each look-up, so that it can be edited at any time
 *            "delay_ms"  waits this long, to imitate a slow service
 *            "limit_ms"  a look-up that takes longer refuses the client (default 5000)
 *
 * The passwords are plain text here to keep the example short; keep hashes. */
#define _POSIX_C_SOURCE 200809L /* getline, nanosleep */

#include <graftmq/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What a look-up needs, copied: the packet belongs to the worker, and the look-up runs elsewhere. */
struct request {
    gmq_deferral *deferral;
    const gmq_settings *settings; /* stay as long as the plugin is loaded, and a running job keeps it loaded */
    char *user;
    gmq_view password; /* owned; binary in MQTT, so it may hold a zero */
    bool is_welcome;
};

static void request_free(struct request *request)
{
    free(request->user);
    free((char *)request->password.data);
    free(request);
}

/* A copy that ends with a zero; NULL when memory is out. */
static char *copy_of(gmq_view view)
{
    char *copy = malloc(view.length + 1);
    if (copy == NULL)
        return NULL;
    if (view.length > 0)
        memcpy(copy, view.data, view.length);
    copy[view.length] = '\0';
    return copy;
}

static struct request *request_new(gmq_call *call, gmq_view user, gmq_view password)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->settings = gmq_call_settings(call);
    request->user = copy_of(user);
    request->password = gmq_view_make(copy_of(password), password.length);
    if (request->user != NULL && request->password.data != NULL)
        return request;
    request_free(request);
    return NULL;
}

/* Takes as long for a wrong password as for the right one. */
static bool is_same_secret(gmq_view left, gmq_view right)
{
    unsigned difference = left.length != right.length;
    for (size_t i = 0; i < left.length && i < right.length; i++)
        difference |= (unsigned)((unsigned char)left.data[i] ^ (unsigned char)right.data[i]);
    return difference == 0;
}

static bool is_in_settings(const struct request *request)
{
    char path[300];
    int length = snprintf(path, sizeof path, "users.%s", request->user);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    gmq_view password = gmq_settings_string(request->settings, path, "");
    return password.length > 0 && is_same_secret(password, request->password);
}

static bool is_line_of(const char *line, const struct request *request)
{
    size_t length = strcspn(request->user, ":"); /* a name with a colon is on no line */
    if (request->user[length] != '\0' || strncmp(line, request->user, length) != 0 || line[length] != ':')
        return false;
    const char *password = line + length + 1;
    return is_same_secret(gmq_view_make(password, strcspn(password, "\r\n")), request->password);
}

static bool is_in_file(const struct request *request, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false; /* no list, nobody is let in */
    char *line = NULL;
    size_t size = 0;
    bool is_found = false;
    while (!is_found && getline(&line, &size, file) >= 0)
        is_found = is_line_of(line, request);
    free(line);
    fclose(file);
    return is_found;
}

/* The path is terminated: strings of the settings come from JSON text, but a view doesn't promise it. */
static bool path_of(const gmq_settings *settings, char *path, size_t size)
{
    gmq_view file = gmq_settings_string(settings, "file", "");
    if (file.length == 0 || file.length >= size)
        return false;
    memcpy(path, file.data, file.length);
    path[file.length] = '\0';
    return true;
}

static void wait_ms(int64_t milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* On the worker again, with the client's CONNECT; or with NULL, if the client didn't wait. */
static gmq_verdict decide(gmq_call *call, gmq_packet *packet, void *data)
{
    (void)packet;
    struct request *request = data;
    bool is_welcome = request->is_welcome;
    request_free(request);
    if (call == NULL)
        return GMQ_CLOSE;
    return is_welcome ? GMQ_NEXT : gmq_reject(call, GMQ_REASON_BAD_USER_NAME_OR_PASSWORD, NULL);
}

/* In the thread pool: may block. */
static void look_up(void *data)
{
    struct request *request = data;
    char path[4096];
    int64_t delay_ms = gmq_settings_integer(request->settings, "delay_ms", 0);
    if (delay_ms > 0)
        wait_ms(delay_ms);
    request->is_welcome =
        is_in_settings(request) || (path_of(request->settings, path, sizeof path) && is_in_file(request, path));
    gmq_resume_with(request->deferral, decide, request);
}

/* The deferral has to be resumed whatever happens, so it comes last of what can fail but the job. */
static gmq_verdict start(gmq_call *call, struct request *request)
{
    int64_t limit_ms = gmq_settings_integer(gmq_call_settings(call), "limit_ms", 5000);
    gmq_deferral *deferral = gmq_defer(call, (uint32_t)limit_ms, GMQ_REJECT);
    request->deferral = deferral;
    if (deferral != NULL && gmq_job_start(call, look_up, NULL, request) == GMQ_OK)
        return GMQ_DEFER;
    request_free(request);
    if (deferral == NULL)
        return gmq_reject(call, GMQ_REASON_SERVER_BUSY, NULL);
    gmq_resume_reject(deferral, GMQ_REASON_SERVER_BUSY, "too many look-ups");
    return GMQ_DEFER;
}

static gmq_verdict on_connect(gmq_call *call, gmq_connect *packet)
{
    gmq_view user;
    gmq_view password;
    if (!gmq_connect_user_name(packet, &user) || !gmq_connect_password(packet, &password))
        return gmq_reject(call, GMQ_REASON_NOT_AUTHORIZED, "user name and password are required");
    struct request *request = request_new(call, user, password);
    if (request == NULL)
        return gmq_reject(call, GMQ_REASON_SERVER_BUSY, NULL);
    return start(call, request);
}
GMQ_HANDLER(CONNECT, on_connect);

/* A list that can't be read would lock everybody out: refuse to be loaded, and the broker goes on as it was. */
static gmq_status load(gmq_plugin *plugin)
{
    char path[4096];
    if (!path_of(gmq_plugin_settings(plugin), path, sizeof path))
        return GMQ_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        gmq_log(plugin, GMQ_LOG_ERROR, "cannot read settings.file \"%s\"; name a file of lines \"name:password\"",
                path);
        return GMQ_ERROR_SYSTEM;
    }
    fclose(file);
    return GMQ_OK;
}

GMQ_PLUGIN_WITH("gate", "1.0.0", load, NULL);
