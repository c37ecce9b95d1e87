/* Does no harm. */
#include "zoo.h"

ZOO(NULL, NULL);
