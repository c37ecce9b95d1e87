/* Its descriptor does not begin as one. */
#include <graftmq/plugin.h>

GMQ_EXPORT const gmq_plugin_descriptor gmq_plugin_exported;
const gmq_plugin_descriptor gmq_plugin_exported = {
    0x12345678, GMQ_ABI_MAJOR, GMQ_ABI_MINOR, sizeof(gmq_plugin_descriptor), "abi_magic", "1.0.0", NULL, NULL};
