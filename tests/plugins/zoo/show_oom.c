/* Says in preflight how likely the kernel is to choose its process when memory runs out. */
#include "zoo.h"

#include <stdio.h>

static gmq_status loaded(gmq_plugin *plugin)
{
    int score = 0;
    FILE *file = fopen("/proc/self/oom_score_adj", "r");
    if (file == NULL || fscanf(file, "%d", &score) != 1)
        score = -1;
    if (file != NULL)
        fclose(file);
    gmq_log(plugin, GMQ_LOG_ERROR, "oom_score_adj %d", score);
    return GMQ_ERROR_STATE;
}
ZOO(loaded, NULL);
