/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between sessions and questions to the server, beside a stage's presence: each is expected exactly once, in its order
 * and with its content. */
#ifndef MUSTER_BENCH_TALK_H
#define MUSTER_BENCH_TALK_H

#include "stage.h"

enum talk_question { TALK_PING, TALK_ROSTER };

struct talk_session;

struct talk {
    struct stage *stage;
    struct talk_session *sessions; /* one per account */
    uint64_t expected, arrived, wrong;
    char first_wrong[240];
};

/* Takes over the stage's stanzas that are not presence. False without memory. */
bool talk_open(struct talk *t, struct stage *st);
void talk_close(struct talk *t);

/* Everybody writes to one other at most: from now on `from` does to `to`. */
void talk_pair(struct talk *t, uint32_t from, uint32_t to);
/* `from` sends its next message, with a body of about `body_bytes`. */
void talk_send(struct talk *t, uint32_t from, size_t body_bytes);
/* `from` asks the server; the answer to a roster must have as many items as the one at its log-in. */
void talk_ask(struct talk *t, uint32_t from, enum talk_question question);
/* Wait until all that is due has arrived, presence as well. False when it does not. */
bool talk_wait(struct talk *t);

#endif
