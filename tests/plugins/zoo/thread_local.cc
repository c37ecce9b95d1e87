/* A destructor that runs when the thread ends which has loaded it: until then the code must stay. */
#include "zoo.h"

struct guest {
    int visits = 0;
    ~guest() { visits = -1; }
};
static thread_local guest here;

static gmq_status loaded(gmq_plugin *)
{
    here.visits++;
    return GMQ_OK;
}
ZOO(loaded, nullptr);
