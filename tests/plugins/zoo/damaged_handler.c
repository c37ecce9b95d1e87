/* Its handler's record leads nowhere. */
#include <graftmq/plugin.h>

GMQ_PLUGIN("zoo", "zoo");

GMQ_EXPORT extern const gmq_record_PUBLISH gmq_exported_on_publish;
const gmq_record_PUBLISH gmq_exported_on_publish = {
    {GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "on_publish"},
    (gmq_handler_PUBLISH *)8};
