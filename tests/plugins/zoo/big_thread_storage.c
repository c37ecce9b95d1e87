/* Wants more of each thread's static storage than there is. */
#include "zoo.h"

static __thread char storage[1 << 20] __attribute__((tls_model("initial-exec")));

static gmq_status loaded(gmq_plugin *plugin)
{
    (void)plugin;
    storage[0] = 1;
    return storage[1] == 0 ? GMQ_OK : GMQ_ERROR_STATE;
}
ZOO(loaded, NULL);
