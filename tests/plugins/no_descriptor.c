/* A shared object, but no plugin. */
#include <graftmq/plugin.h>

GMQ_EXPORT const int something_else = 1;
