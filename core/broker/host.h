#include "plugin/host.h"
