/* Its descriptor is a function. */
#include <graftmq/types.h>

GMQ_EXPORT void gmq_plugin_exported(void);
void gmq_plugin_exported(void)
{
}
