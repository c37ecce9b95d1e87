/* When an animal misbehaves: its file defines misbehave() and includes this, and is compiled once for each moment. */
#ifndef ZOO_MOMENT_H
#define ZOO_MOMENT_H

#include "zoo.h"

#if defined(AT_CONSTRUCTOR)
__attribute__((constructor)) static void constructed(void)
{
    misbehave();
}
ZOO(NULL, NULL);
#elif defined(AT_LOAD)
static gmq_status loaded(gmq_plugin *plugin)
{
    (void)plugin;
    misbehave();
    return GMQ_OK;
}
ZOO(loaded, NULL);
#elif defined(AT_UNLOAD)
static void unloaded(gmq_plugin *plugin)
{
    (void)plugin;
    misbehave();
}
ZOO(NULL, unloaded);
#elif defined(AT_DESTRUCTOR)
__attribute__((destructor)) static void destructed(void)
{
    misbehave();
}
ZOO(NULL, NULL);
#else
#error "name the moment: -DAT_CONSTRUCTOR, -DAT_LOAD, -DAT_UNLOAD or -DAT_DESTRUCTOR"
#endif

#endif
