/* Built for a later version of this interface. */
#include <graftmq/plugin.h>

GMQ_EXPORT const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {GMQ_PLUGIN_MAGIC,
                                                   GMQ_ABI_MAJOR,
                                                   GMQ_ABI_MINOR + 1,
                                                   sizeof(gmq_plugin_descriptor),
                                                   "abi_minor",
                                                   "1.0.0",
                                                   NULL,
                                                   NULL};
