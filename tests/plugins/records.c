/* Exports what looks like handlers by its name and is none. */
#include <graftmq/plugin.h>

static gmq_verdict function(gmq_call *call, gmq_publish *packet)
{
    (void)call, (void)packet;
    return GMQ_NEXT;
}

#define RECORD(name, ...)                                                                                              \
    GMQ_EXPORT extern const gmq_record_PUBLISH gmq_exported_##name;                                                    \
    const gmq_record_PUBLISH gmq_exported_##name = __VA_ARGS__

GMQ_PLUGIN("records", "1.0.0");
RECORD(sound, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "sound"}, function});
RECORD(magic, {{1, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "magic"}, function});
RECORD(kind, {{GMQ_RECORD_MAGIC, 3, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "kind"}, function});
RECORD(number, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, 16, sizeof(gmq_record_PUBLISH), "number"}, function});
RECORD(small, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, 8, "small"}, function});
RECORD(other, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "sound"}, function});
RECORD(nameless, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), NULL}, function});
RECORD(empty, {{GMQ_RECORD_MAGIC, GMQ_RECORD_HANDLER, GMQ_PUBLISH, sizeof(gmq_record_PUBLISH), "empty"}, NULL});
