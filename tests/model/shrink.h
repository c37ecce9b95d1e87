/* Scripts run in processes of their own, so that whatever ends one of them, a failed check, a sanitizer or a loop
 * without end, is only its result; and a script that fails is made short. */
#ifndef TESTS_MODEL_SHRINK_H
#define TESTS_MODEL_SHRINK_H

#include "model/script.h"

enum { COMPLAINT_SIZE = 200 };

/* Whether it came to its end, leaks included. Else `complaint` is the line that tells why. */
bool script_passes(const struct script *script, char complaint[COMPLAINT_SIZE]);

/* Takes out steps, and makes numbers 0, as long as it fails with the same words; returns how many runs that took. */
uint32_t script_shrink(struct script *script, const char *complaint);

#endif
