/* SPDX-License-Identifier: Apache-2.0 */
/* Other servers, as a test plays them: a link (route/remote.h) without streams. One of the name `other`
 * serves other.example; what it is told, dialogues expect of it as of a client of that name. */
#ifndef MUSTER_TESTS_FLOW_OTHER_H
#define MUSTER_TESTS_FLOW_OTHER_H

#include <stdbool.h>

#include "route/remote.h"

struct world;

struct other {
    char name[32], domain[40];
    bool is_down; /* what is for it comes back, with `failure` */
    enum stanza_error failure;
    struct remote_stanza *undelivered, **undelivered_last;
};

/* From now on there is such a server, and no other domain is refused at once. */
void other_begin(struct world *w, const char *name);
/* The server says it, to whatever worker has its stream. False: there is no server of that name. */
bool other_say(struct world *w, const char *name, const char *xml);
/* What is for it is given back with that condition; NULL: it is reached again. */
void other_fail(struct world *w, const char *name, const char *condition);
/* Give back what could not be delivered. False: there was nothing. */
bool others_step(struct world *w);
void others_fini(struct world *w);

#endif
