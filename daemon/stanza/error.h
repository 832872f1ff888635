/* SPDX-License-Identifier: Apache-2.0 */
/* Stanza errors (RFC 6120 s. 8.3). */
#ifndef MUSTER_STANZA_ERROR_H
#define MUSTER_STANZA_ERROR_H

#include "stanza/stanza.h"

enum stanza_error {
    STANZA_BAD_REQUEST,
    STANZA_CONFLICT,
    STANZA_FEATURE_NOT_IMPLEMENTED,
    STANZA_FORBIDDEN,
    STANZA_GONE,
    STANZA_INTERNAL_SERVER_ERROR,
    STANZA_ITEM_NOT_FOUND,
    STANZA_JID_MALFORMED,
    STANZA_NOT_ACCEPTABLE,
    STANZA_NOT_ALLOWED,
    STANZA_NOT_AUTHORIZED,
    STANZA_POLICY_VIOLATION,
    STANZA_RECIPIENT_UNAVAILABLE,
    STANZA_REDIRECT,
    STANZA_REGISTRATION_REQUIRED,
    STANZA_REMOTE_SERVER_NOT_FOUND,
    STANZA_REMOTE_SERVER_TIMEOUT,
    STANZA_RESOURCE_CONSTRAINT,
    STANZA_SERVICE_UNAVAILABLE,
    STANZA_SUBSCRIPTION_REQUIRED,
    STANZA_UNDEFINED_CONDITION,
    STANZA_UNEXPECTED_REQUEST,
    STANZA_BLOCKED, /* not-acceptable, with the condition of XEP-0191 s. 3.3 */
    STANZA_ERROR_COUNT,
};

const char *stanza_error_name(enum stanza_error e); /* "bad-request" ... */
const char *
stanza_error_type(enum stanza_error e); /* the associated type: "modify", "cancel", "auth", "wait" */

/* May this stanza be answered with an error at all? Never an error, never an iq result (s. 8.3.1). */
bool stanza_error_may_answer(const struct stanza *s);
/* The error answer to `s`: id kept, `from` = the entity that refuses (unescaped JID; empty: no from), `to` =
 * the sender (the same). `text`, in English, may be NULL. NULL without memory. */
struct frame *stanza_error_frame(const struct stanza *s, enum stanza_error e, struct span from,
                                 struct span to, const char *text);
/* The same with an element that says more (RFC 6120 s. 8.3.4), as XML. */
struct frame *stanza_error_frame_more(const struct stanza *s, enum stanza_error e, struct span from,
                                      struct span to, const char *text, struct span more);

#endif
