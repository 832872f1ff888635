/* SPDX-License-Identifier: Apache-2.0 */
#include "parties.h"

#include <stdio.h>
#include <time.h>

#include "base/datetime.h"

/* Until the year 5138. */
#define SECONDS_DIGITS_MAX 11

static int party_read(const struct options *o, enum option_id id, const char *name, struct span otherwise,
                      char storage[static JID_BYTES_MAX], struct jid *ret_jid)
{
    const char *given = option_value(o, id);
    struct span text = given ? span_of(given) : otherwise;
    if (!text.ptr) {
        char words[64];
        snprintf(words, sizeof words, "--%s, which the stanza does not say", name);
        return fail_usage("an option is missing", words);
    }
    if (jid_parse(text, storage, ret_jid))
        return fail(given ? EXIT_USAGE : EXIT_REFUSED, name, SPAN("not a JID"));
    return -1;
}

int parties_read(const struct options *o, struct span from, struct span to, struct parties *ret_parties)
{
    struct parties *p = ret_parties;
    int status = party_read(o, OPTION_FROM, "from", from, p->from_storage, &p->from);
    return status >= 0 ? status : party_read(o, OPTION_TO, "to", to, p->to_storage, &p->to);
}

/* As it is signed; or with another offset; or in seconds since 1970. */
static bool time_read(struct span text, struct moment *ret_now)
{
    uint64_t us;
    if (moment_read(text, ret_now) == 0)
        return true;
    if (datetime_read(text, &us) == 0) {
        *ret_now = (struct moment){(int64_t)(us / 1000000), (uint32_t)(us % 1000000) * 1000};
        return true;
    }
    int64_t seconds = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == SECONDS_DIGITS_MAX)
            return false;
        seconds = seconds * 10 + (text.ptr[i] - '0');
    }
    *ret_now = (struct moment){seconds, 0};
    return text.len > 0;
}

int now_read(const struct options *o, struct moment *ret_now)
{
    const char *given = option_value(o, OPTION_NOW);
    if (given)
        return time_read(span_of(given), ret_now) ? -1
                                                  : fail_usage("not a time as 2026-07-01T11:45:36Z", given);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct moment){.seconds = now.tv_sec, .nanoseconds = (uint32_t)now.tv_nsec};
    return -1;
}
