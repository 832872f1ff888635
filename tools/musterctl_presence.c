/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_presence.h"

#define BY_DEFAULT "deliveries"
#define COUNT_DEFAULT "10"
/* What the daemon remembers. */
#define SECONDS_DEFAULT "60"

const char *presence_option_misplaced(const struct presence_options *o, bool is_top, bool is_explain)
{
    if (!is_top && (o->by || o->count || o->seconds))
        return o->by ? "--by" : o->count ? "--count" : "--seconds";
    return o->is_json && !is_explain ? "--json" : NULL;
}

void presence_top_encode(const struct presence_options *o, struct buffer *command)
{
    buffer_printf(command, "top\t%s\t%s\t%s", o->by ? o->by : BY_DEFAULT, o->count ? o->count : COUNT_DEFAULT,
                  o->seconds ? o->seconds : SECONDS_DEFAULT);
}

int presence_explain_encode(const struct presence_options *o, const char *publisher, const char *watcher,
                            struct buffer *command)
{
    if (strpbrk(publisher, "\t\n") || strpbrk(watcher, "\t\n"))
        return 1;
    buffer_printf(command, "explain\t%s\t%s%s", publisher, watcher, o->is_json ? "\tjson" : "");
    return 0;
}

bool presence_explain_read(struct span reply, struct span *ret_text)
{
    const char *end = reply.len ? memchr(reply.ptr, '\n', reply.len) : NULL;
    size_t len = end ? (size_t)(end - reply.ptr) : reply.len;
    *ret_text = span_skip(reply, end ? len + 1 : len);
    return span_is(span_make(reply.ptr, len), "sees");
}
