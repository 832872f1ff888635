/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a log-in between its steps; a stream that is in has none. */
#include <stdlib.h>

#include "stream/internal.h"

struct stream_login *stream_login_take(struct stream *s)
{
    if (!s->login)
        s->login = calloc(1, sizeof *s->login);
    return s->login;
}

void stream_login_forget(struct stream_login *l)
{
    char *from = l->from;
    struct registering registering = l->registering;
    free(l->bind_id);
    free(l->agent);
    free(l->bind.tag);
    free(l->resume.previd);
    buffer_fini(&l->additional);
    buffer_fini(&l->results);
    buffer_fini(&l->enabled);
    explicit_bzero(l, sizeof *l);
    *l = (struct stream_login){.from = from, .registering = registering};
}

void stream_login_free(struct stream *s)
{
    if (!s->login)
        return;
    stream_login_forget(s->login);
    free(s->login->from);
    free(s->login);
    s->login = NULL;
}

void stream_login_keep(struct span value, char to[static COUNT_BYTES + 1])
{
    size_t len = value.len <= COUNT_BYTES ? value.len : 0;
    if (len)
        memcpy(to, value.ptr, len);
    to[len] = 0;
}
