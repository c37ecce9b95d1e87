/* The way to the broker: its control socket is found, requests go there, lines come back. */
#ifndef GRAFTCTL_LINK_H
#define GRAFTCTL_LINK_H

#include <jansson.h>
#include <stdbool.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_BROKER = 3 };

/* Connects to `path`, or (NULL) to the one broker that is found. Ends the program with EXIT_NO_BROKER or, where several
 * are found, EXIT_USAGE, having said why. */
void link_open(const char *path);
void link_close(void);

/* Sends a request: "version" is added. Takes the reference. */
void link_send(json_t *request);

/* The next line as it came, and parsed (to be released). Both are of this call until the next. Ends the program with
 * EXIT_NO_BROKER where the broker has gone. */
json_t *link_receive(const char **text);

/* The type of a line. */
bool line_is(const json_t *line, const char *type);
const char *line_text(const json_t *line, const char *key); /* "" if it is none */

/* Says on standard error what is wrong, behind "graftctl: ", and ends the program. */
_Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
