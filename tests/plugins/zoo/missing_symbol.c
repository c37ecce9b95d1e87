/* Calls a function that nobody has. */
#include "zoo.h"

extern void gmq_nowhere_to_be_found(void);

static gmq_status loaded(gmq_plugin *plugin)
{
    (void)plugin;
    gmq_nowhere_to_be_found();
    return GMQ_OK;
}
ZOO(loaded, NULL);
