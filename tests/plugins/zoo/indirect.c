/* Its descriptor is found by a function that crashes. */
#include <graftmq/types.h>

GMQ_EXPORT extern int gmq_plugin_exported(void);

static int (*resolve(void))(void)
{
    *(volatile int *)8 = 1;
    return 0;
}
int gmq_plugin_exported(void) __attribute__((ifunc("resolve")));
