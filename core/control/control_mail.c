/* Mail between the controller and the workers. */
#include "control/control_mail.h"

#include <unistd.h>

void control_mail_send(struct control_mail *mail, uint32_t worker)
{
    struct mail_chain chain = {0};
    mail_chain_append(&chain, &mail->mail.mail);
    worker_receive(crew_worker(mail->control->controller->crew, worker), &chain);
}

void control_mail_return(struct control_mail *mail)
{
    struct control *control = mail->control;
    struct mail_chain chain = {0};
    mail_chain_append(&chain, &mail->mail.mail);
    if (!mailbox_push(&control->mailbox, &chain))
        return;
    const uint64_t one = 1;
    ssize_t written = write(control->wake_descriptor, &one, sizeof(one));
    (void)written; /* it can't be full: it is read whenever it is not zero */
}

void control_mail_take(struct control *control)
{
    struct mail *mail = mailbox_take(&control->mailbox);
    while (mail != NULL) {
        struct control_mail *next = (struct control_mail *)(void *)LIST_OBJECT(mail, struct shard_mail, mail);
        mail = mail->next; /* first: it may be freed */
        next->returned(next);
    }
}
