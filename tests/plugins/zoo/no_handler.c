/* Has no handler. */
#include <graftmq/plugin.h>

GMQ_PLUGIN("zoo", "zoo");
