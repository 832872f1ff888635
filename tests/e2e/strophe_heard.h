/* SPDX-License-Identifier: Apache-2.0 */
/* What a client hears: each stanza becomes an event; what asks for an answer gets it. */
#ifndef MUSTER_TESTS_E2E_STROPHE_HEARD_H
#define MUSTER_TESTS_E2E_STROPHE_HEARD_H

#include <stdbool.h>
#include <strophe.h>

struct heard {
    xmpp_ctx_t *context;
    bool is_asked; /* the server wants to know how much has come (XEP-0198) */
    bool is_raw;   /* every stanza is told as it is */
    char *notify;  /* a node it wants to hear of; NULL: none */
};

/* Of a connection that is bound. */
void heard_begin(xmpp_conn_t *connection, struct heard *h);

#endif
