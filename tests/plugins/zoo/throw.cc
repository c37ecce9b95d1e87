/* An exception that nobody catches. */
#include "zoo.h"

static gmq_status loaded(gmq_plugin *)
{
    throw 1;
}
ZOO(loaded, nullptr);
