/* What mail between workers costs, without the other thread: sent one by one, and as the chain of a turn. */
#include "base/mailbox.h"

#include "base/bench/bench.h"

enum { CHAIN = 64 };

static struct mailbox mailbox;
static struct mail mails[CHAIN];

static void begin(void)
{
    mailbox_init(&mailbox);
}

static void exchange(uint64_t rounds, uint32_t in_a_chain)
{
    for (uint64_t i = 0; i < rounds; i += in_a_chain) {
        struct mail_chain chain = {0};
        for (uint32_t k = 0; k < in_a_chain; k++)
            mail_chain_append(&chain, &mails[k]);
        bench_demand(mailbox_push(&mailbox, &chain), "the mailbox was not empty");
        uint32_t taken = 0;
        for (struct mail *mail = mailbox_take(&mailbox); mail != NULL; mail = mail->next)
            taken++;
        bench_demand(taken == in_a_chain, "mail was lost");
    }
}

static void single(uint64_t rounds)
{
    exchange(rounds, 1);
}

static void chained(uint64_t rounds)
{
    exchange(rounds, CHAIN);
}

int main(int count, char **arguments)
{
    static const struct bench benches[] = {
        {"mailbox/single", "a piece of mail is sent and taken", begin, single},
        {"mailbox/chain", "the same, 64 of them at once", begin, chained},
    };
    return bench_main(count, arguments, benches, sizeof benches / sizeof benches[0]);
}
