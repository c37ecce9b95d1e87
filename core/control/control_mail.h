/* What travels between the controller and the workers on behalf of the control socket: mail to a worker by its
 * `handle`, and back by `returned`. Its sender must not touch it until it comes back. */
#ifndef CONTROL_CONTROL_MAIL_H
#define CONTROL_CONTROL_MAIL_H

#include "broker/shard.h"
#include "control/control_state.h"

struct control_mail {
    struct shard_mail mail; /* first: mail is cast to this */
    struct control *control;
    void (*returned)(struct control_mail *mail); /* runs on the controller's thread */
};

/* The controller's thread: to a worker. */
void control_mail_send(struct control_mail *mail, uint32_t worker);

/* Any worker: back. */
void control_mail_return(struct control_mail *mail);

/* The controller's thread: what has come back. */
void control_mail_take(struct control *control);

#endif
