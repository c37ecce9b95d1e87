/* Its descriptor is shorter than this interface has it. */
#include <graftmq/plugin.h>

GMQ_EXPORT const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {GMQ_PLUGIN_MAGIC, GMQ_ABI_MAJOR, GMQ_ABI_MINOR, 16,
                                                   "abi_small",      "1.0.0",       NULL,          NULL};
