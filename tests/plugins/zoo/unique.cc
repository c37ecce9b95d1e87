/* A template's variable, which all versions of it would share. */
#include "zoo.h"

template <int number> struct counter {
    static int value;
};
template <int number> int counter<number>::value = number;

GMQ_EXPORT int *zoo_counter(void)
{
    return &counter<7>::value;
}
ZOO(NULL, NULL);
