/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct talk_session {
    uint32_t partner;     /* who gets this one's messages */
    uint32_t sent, heard; /* messages of this one: sent, and arrived at the partner */
    uint32_t asked, answered;
    size_t body_bytes; /* of the messages under way */
};

#define TALK_NOBODY UINT32_MAX

static void wrong(struct talk *t, const struct session *s, const char *what, const struct element *stanza)
{
    if (t->wrong++ == 0)
        snprintf(t->first_wrong, sizeof t->first_wrong, "%s at %s: %.*s", what, s->account->jid,
                 stanza->raw.len < 150 ? (int)stanza->raw.len : 150, stanza->raw.ptr);
}

static void arrived(struct talk *t)
{
    t->arrived++;
    crowd_moved(&t->stage->crowd);
}

/* What begins the body of a message: run, sender, number. */
static int mark_print(const struct talk *t, char *text, size_t size, uint32_t from, uint32_t number)
{
    return snprintf(text, size, "mt %" PRIu32 " %" PRIu32 " %" PRIu32 " ", t->stage->run, from, number);
}

static void on_message(struct talk *t, const struct session *s, const struct element *message)
{
    struct span from = element_attribute_or_empty(message, "from");
    uint32_t sender = accounts_find(&t->stage->crowd.accounts, from);
    struct element body;
    char mark[64];
    if (sender == ACCOUNTS_UNKNOWN || t->sessions[sender].partner != s->index ||
        t->sessions[sender].heard == t->sessions[sender].sent) {
        wrong(t, s, "a message that nobody sent", message);
        return;
    }
    struct talk_session *talker = &t->sessions[sender];
    int len = mark_print(t, mark, sizeof mark, sender, talker->heard);
    if (!span_equal(from, span_of(t->stage->crowd.sessions[sender].full_jid)) ||
        !element_child(message, "body", &body) || !span_starts(body.body, span_make(mark, (size_t)len)) ||
        body.body.len != (talker->body_bytes > (size_t)len ? talker->body_bytes : (size_t)len)) {
        wrong(t, s, "not the message that was due", message);
        return;
    }
    talker->heard++;
    arrived(t);
}

static int question_print(const struct talk *t, char *id, size_t size, char kind, uint32_t number)
{
    return snprintf(id, size, "%c%" PRIu32 ".%" PRIu32, kind, t->stage->run, number);
}

static void on_answer(struct talk *t, const struct session *s, const struct element *iq)
{
    struct talk_session *asker = &t->sessions[s->index];
    struct span got = element_attribute_or_empty(iq, "id");
    struct element query, item;
    char id[32];
    size_t cursor = 0;
    uint32_t items = 0;
    bool is_roster = span_starts(got, SPAN("r"));
    question_print(t, id, sizeof id, is_roster ? 'r' : 'p', asker->answered);
    if (asker->answered == asker->asked || !span_equal(got, span_of(id))) {
        wrong(t, s, "an answer that nobody waits for", iq);
        return;
    }
    if (is_roster && element_child(iq, "query", &query))
        while (element_next_child(&query, &cursor, &item))
            items++;
    if (!span_is(element_attribute_or_empty(iq, "type"), "result") ||
        (is_roster && items != s->roster_items)) {
        wrong(t, s, "not the answer that was due", iq);
        return;
    }
    asker->answered++;
    arrived(t);
}

static void talk_stanza(void *context, struct session *s, const struct element *stanza)
{
    struct talk *t = context;
    if (t->stage->is_logging_in)
        return; /* rosters of the log-in */
    if (span_is(stanza->name, "message"))
        on_message(t, s, stanza);
    else
        on_answer(t, s, stanza);
}

bool talk_open(struct talk *t, struct stage *st)
{
    *t = (struct talk){.stage = st, .sessions = calloc(st->crowd.accounts.count, sizeof *t->sessions)};
    if (t->sessions == NULL)
        return false;
    for (uint32_t i = 0; i < st->crowd.accounts.count; i++)
        t->sessions[i].partner = TALK_NOBODY;
    st->other = talk_stanza;
    st->other_context = t;
    return true;
}

void talk_close(struct talk *t)
{
    t->stage->other = NULL;
    free(t->sessions);
}

void talk_pair(struct talk *t, uint32_t from, uint32_t to)
{
    t->sessions[from].partner = to;
}

void talk_send(struct talk *t, uint32_t from, size_t body_bytes)
{
    struct talk_session *talker = &t->sessions[from];
    struct session *sessions = t->stage->crowd.sessions;
    struct buffer stanza;
    char mark[64];
    int len = mark_print(t, mark, sizeof mark, from, talker->sent++);
    talker->body_bytes = body_bytes;
    buffer_init(&stanza);
    buffer_printf(&stanza, "<message type='chat' to='%s'><body>%s", sessions[talker->partner].full_jid, mark);
    for (size_t i = (size_t)len; i < body_bytes; i++)
        buffer_append_char(&stanza, 'x');
    buffer_literal(&stanza, "</body></message>");
    t->expected++;
    session_send(&sessions[from], buffer_span(&stanza));
    buffer_fini(&stanza);
}

void talk_ask(struct talk *t, uint32_t from, enum talk_question question)
{
    char id[32], stanza[160];
    question_print(t, id, sizeof id, question == TALK_ROSTER ? 'r' : 'p', t->sessions[from].asked++);
    snprintf(stanza, sizeof stanza, "<iq type='get' id='%s'>%s</iq>", id,
             question == TALK_ROSTER ? "<query xmlns='jabber:iq:roster'/>" : "<ping xmlns='urn:xmpp:ping'/>");
    t->expected++;
    session_send(&t->stage->crowd.sessions[from], span_of(stanza));
}

bool talk_wait(struct talk *t)
{
    struct crowd *crowd = &t->stage->crowd;
    crowd_moved(crowd);
    while (t->arrived < t->expected || !checker_is_complete(t->stage->checker))
        if (crowd_is_stalled(crowd) || t->wrong > 0 || crowd_turn(crowd, 50) != 0)
            return false;
    return t->wrong == 0;
}
