/* Two plugins of these exist, with the same names for other things; each must see its own. */
#include <graftmq/plugin.h>

GMQ_EXPORT extern const char *zoo_shared_name;
const char *zoo_shared_name = ZOO_VERSION;

GMQ_EXPORT const char *zoo_shared_function(void);
const char *zoo_shared_function(void)
{
    return zoo_shared_name;
}

GMQ_PLUGIN("zoo", ZOO_VERSION);

static gmq_verdict on_publish(gmq_call *call, gmq_publish *packet)
{
    (void)gmq_publish_add_user_property(call, packet, GMQ_VIEW("version"), gmq_view_of(zoo_shared_function()));
    return GMQ_NEXT;
}
GMQ_HANDLER(PUBLISH, on_publish);
