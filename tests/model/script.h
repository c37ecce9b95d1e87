/* A script: what happens in one run of the model, as a list of steps. It is made from a seed, or read; each step is a
 * line of text, a word and numbers with names, so that a run can be repeated without its first half. */
#ifndef TESTS_MODEL_SCRIPT_H
#define TESTS_MODEL_SCRIPT_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { STEP_ARGUMENTS = 10, SCRIPT_STEPS_MAX = 1000 };

struct step {
    uint32_t kind; /* of step_kinds */
    uint64_t arguments[STEP_ARGUMENTS];
};

struct script {
    uint32_t count;
    struct step steps[SCRIPT_STEPS_MAX]; /* the first is "begin" */
};

struct play;

/* What a step's number may be. */
typedef uint64_t step_any(struct random *random);

struct step_argument {
    const char *name; /* NULL behind the last */
    step_any *any;
};

struct step_kind {
    const char *name;
    uint32_t weight; /* how often, among all; 0: only where a script needs it */
    void (*take)(struct play *play, const uint64_t *arguments);
    void (*comment)(const uint64_t *arguments, FILE *file); /* NULL: it needs none */
    struct step_argument arguments[STEP_ARGUMENTS];
};

/* The table of all (steps.c); "begin" is the first. */
extern const struct step_kind step_kinds[];
extern const uint32_t step_kind_count;

uint32_t step_kind_of(const char *name);

void script_generate(struct script *script, uint64_t seed);
void script_write(const struct script *script, FILE *file);

/* False: a line that is no step was said on stderr. What follows "#" is for people. */
bool script_read(struct script *script, FILE *file);

#endif
