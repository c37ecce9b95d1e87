/* Which filter matches which topic name, written from the rules of the standard (5.0, 4.7) and from nothing of the
 * broker's: both are cut into levels, and the levels compared one by one. And random topics and filters to ask it
 * about, from alphabets so small that they meet. */
#ifndef TESTS_MATCHING_NAIVE_H
#define TESTS_MATCHING_NAIVE_H

#include "base/random.h"

#include <stdbool.h>

enum { NAIVE_LEVELS_MAX = 40, NAIVE_TEXT_MAX = 600, ALPHABET_MAX = 6 };

/* Not for shared filters: these are asked about without their "$share/NAME/". */
bool naive_matches(const char *filter, const char *topic);

/* The levels that topics of one round are made of. */
struct alphabet {
    const char *levels[ALPHABET_MAX];
    uint32_t count;
    uint32_t depth; /* the most levels */
};

void alphabet_choose(struct random *random, struct alphabet *alphabet);

/* Each writes a valid one of less than NAIVE_TEXT_MAX bytes. */
void naive_topic(struct random *random, const struct alphabet *alphabet, char *text);
void naive_filter(struct random *random, const struct alphabet *alphabet, char *text);

/* A topic that the filter matches, or nearly: wildcards filled in, at times a level changed, lacking or too much. */
void naive_topic_near(struct random *random, const struct alphabet *alphabet, const char *filter, char *text);

#endif
