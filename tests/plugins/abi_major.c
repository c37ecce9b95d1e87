/* Built for the next interface. */
#include <graftmq/plugin.h>

GMQ_EXPORT const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {
    GMQ_PLUGIN_MAGIC, GMQ_ABI_MAJOR + 1, 0, sizeof(gmq_plugin_descriptor), "abi_major", "1.0.0", NULL, NULL};
