/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_presence.h"

#define BY_DEFAULT "deliveries"
#define COUNT_DEFAULT "10"
/* What the daemon remembers. */
#define SECONDS_DEFAULT "60"

const char *presence_option_given(const struct presence_options *o)
{
    return o->by ? "--by" : o->count ? "--count" : o->seconds ? "--seconds" : NULL;
}

void presence_top_encode(const struct presence_options *o, struct buffer *command)
{
    buffer_printf(command, "top\t%s\t%s\t%s", o->by ? o->by : BY_DEFAULT, o->count ? o->count : COUNT_DEFAULT,
                  o->seconds ? o->seconds : SECONDS_DEFAULT);
}
