/* Refuses to be loaded, without a word and with an answer that is none. */
#include "zoo.h"

static gmq_status loaded(gmq_plugin *plugin)
{
    (void)plugin;
    return (gmq_status)77;
}
ZOO(loaded, NULL);
