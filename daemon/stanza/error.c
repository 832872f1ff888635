/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/error.h"

#include "base/buffer.h"
#include "stanza/answer.h"
#include "xml/write.h"

#define STANZAS_XMLNS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* The conditions of RFC 6120 s. 8.3.3 and the type that each names. Where it leaves a choice:
 * policy-violation and unexpected-request are the sender's to put right (modify), undefined-condition is
 * final. */
static const struct {
    const char *name, *type;
    const char *application; /* the application's own condition; NULL: none */
} stanza_errors[STANZA_ERROR_COUNT] = {
    [STANZA_BAD_REQUEST] = {"bad-request", "modify"},
    [STANZA_CONFLICT] = {"conflict", "cancel"},
    [STANZA_FEATURE_NOT_IMPLEMENTED] = {"feature-not-implemented", "cancel"},
    [STANZA_FORBIDDEN] = {"forbidden", "auth"},
    [STANZA_GONE] = {"gone", "cancel"},
    [STANZA_INTERNAL_SERVER_ERROR] = {"internal-server-error", "cancel"},
    [STANZA_ITEM_NOT_FOUND] = {"item-not-found", "cancel"},
    [STANZA_JID_MALFORMED] = {"jid-malformed", "modify"},
    [STANZA_NOT_ACCEPTABLE] = {"not-acceptable", "modify"},
    [STANZA_NOT_ALLOWED] = {"not-allowed", "cancel"},
    [STANZA_NOT_AUTHORIZED] = {"not-authorized", "auth"},
    [STANZA_POLICY_VIOLATION] = {"policy-violation", "modify"},
    [STANZA_RECIPIENT_UNAVAILABLE] = {"recipient-unavailable", "wait"},
    [STANZA_REDIRECT] = {"redirect", "modify"},
    [STANZA_REGISTRATION_REQUIRED] = {"registration-required", "auth"},
    [STANZA_REMOTE_SERVER_NOT_FOUND] = {"remote-server-not-found", "cancel"},
    [STANZA_REMOTE_SERVER_TIMEOUT] = {"remote-server-timeout", "wait"},
    [STANZA_RESOURCE_CONSTRAINT] = {"resource-constraint", "wait"},
    [STANZA_SERVICE_UNAVAILABLE] = {"service-unavailable", "cancel"},
    [STANZA_SUBSCRIPTION_REQUIRED] = {"subscription-required", "auth"},
    [STANZA_UNDEFINED_CONDITION] = {"undefined-condition", "cancel"},
    [STANZA_UNEXPECTED_REQUEST] = {"unexpected-request", "modify"},
    [STANZA_BLOCKED] = {"not-acceptable", "cancel", "<blocked xmlns='urn:xmpp:blocking:errors'/>"},
};

const char *stanza_error_name(enum stanza_error e)
{
    return stanza_errors[e].name;
}

const char *stanza_error_type(enum stanza_error e)
{
    return stanza_errors[e].type;
}

bool stanza_error_may_answer(const struct stanza *s)
{
    switch (s->kind) {
    case STANZA_PRESENCE:
        return s->type.presence != PRESENCE_ERROR;
    case STANZA_MESSAGE:
        return s->type.message != MESSAGE_ERROR;
    case STANZA_IQ:
        return s->type.iq != IQ_RESULT && s->type.iq != IQ_ERROR;
    }
    return false;
}

struct frame *stanza_error_frame(const struct stanza *s, enum stanza_error e, struct span from,
                                 struct span to, const char *text)
{
    return stanza_error_frame_more(s, e, from, to, text, (struct span){0});
}

struct frame *stanza_error_frame_more(const struct stanza *s, enum stanza_error e, struct span from,
                                      struct span to, const char *text, struct span more)
{
    struct buffer out, payload;
    buffer_init(&payload);
    buffer_printf(&payload, "<error type='%s'><%s xmlns='" STANZAS_XMLNS "'/>", stanza_error_type(e),
                  stanza_error_name(e));
    if (text) {
        buffer_literal(&payload, "<text xmlns='" STANZAS_XMLNS "' xml:lang='en'>");
        xml_escape(&payload, span_of(text));
        buffer_literal(&payload, "</text>");
    }
    if (stanza_errors[e].application)
        buffer_append(&payload, span_of(stanza_errors[e].application));
    buffer_append(&payload, more);
    buffer_literal(&payload, "</error>");

    buffer_init(&out);
    stanza_answer_start(&out, s, "error", from, to);
    out.failed |= payload.failed;
    struct frame *f = stanza_answer_end(&out, s, buffer_span(&payload));
    buffer_fini(&payload);
    return f;
}
