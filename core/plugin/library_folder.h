/* Within the folder of private copies: new files, each under a name that this process never uses again. */
#ifndef PLUGIN_LIBRARY_FOLDER_H
#define PLUGIN_LIBRARY_FOLDER_H

#include "plugin/library.h"

/* Creates an empty file for a copy of `path_original`, readable, writable and executable by the owner only. Returns its
 * descriptor, and its path to be freed; -1: errno says why. */
int library_folder_create(const struct library_folder *folder, const char *path_original, char **path);

/* "FOLDER/NAME", to be freed; NULL: memory is out. */
char *library_folder_file(const struct library_folder *folder, const char *name);

/* Writes all of it. False: errno says why. */
bool library_folder_write(int descriptor, const void *bytes, size_t length);

#endif
