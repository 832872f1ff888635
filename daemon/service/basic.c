/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose answer is a line: ping, version, time, last activity. */
#include <sys/utsname.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "service/services.h"
#include "xml/write.h"

void service_ping(const struct service_query *q)
{
    if (q->address == SERVICE_ACCOUNT && !service_may_see(q))
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
    else
        service_result(q, (struct span){0});
}

void service_session(const struct service_query *q)
{
    service_result(q, (struct span){0});
}

/* Of another account, whether there is one or not. */
void service_forbidden(const struct service_query *q)
{
    service_refuse(q, STANZA_FORBIDDEN);
}

static void answer_end(const struct service_query *q, struct buffer *out)
{
    if (buffer_ok(out))
        service_result(q, buffer_span(out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(out);
}

void service_carbons_enable(const struct service_query *q)
{
    q->session->has_carbons = true;
    service_result(q, (struct span){0});
}

void service_carbons_disable(const struct service_query *q)
{
    q->session->has_carbons = false;
    service_result(q, (struct span){0});
}

/* Marks of what the server has found out of signed stanzas (docs/smime.md) are asked for as copies are. */
void service_marks_enable(const struct service_query *q)
{
    struct jid own = entity_jid(q->account->entity);
    if (!router_e2e_marks(q->router, jid_domain(&own))) {
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
        return;
    }
    q->session->has_marks = true;
    service_result(q, (struct span){0});
}

void service_marks_disable(const struct service_query *q)
{
    q->session->has_marks = false;
    service_result(q, (struct span){0});
}

void service_version(const struct service_query *q)
{
    struct buffer out = {0};
    struct utsname system;
    if (!q->settings->tells_version) {
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
        return;
    }
    buffer_literal(&out, "<query xmlns='jabber:iq:version'><name>musterd</name><version>" MUSTER_VERSION
                         "</version>");
    if (q->settings->tells_os && uname(&system) == 0) {
        buffer_literal(&out, "<os>");
        xml_escape(&out, span_of(system.sysname));
        buffer_literal(&out, "</os>");
    }
    buffer_literal(&out, "</query>");
    answer_end(q, &out);
}

void service_time(const struct service_query *q)
{
    struct buffer out = {0};
    struct tm utc;
    char text[32];
    time_t now = (time_t)(clock_wall_us() / 1000000);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    /* A server has no wall to hang a local clock on. */
    buffer_printf(&out, "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>%s</utc></time>", text);
    answer_end(q, &out);
}

static void last_answer(const struct service_query *q, uint64_t seconds, const char *status)
{
    struct buffer out = {0};
    buffer_printf(&out, "<query xmlns='jabber:iq:last' seconds='%llu'", (unsigned long long)seconds);
    if (status)
        buffer_printf(&out, ">%s</query>", status);
    else
        buffer_literal(&out, "/>");
    answer_end(q, &out);
}

void service_uptime(const struct service_query *q)
{
    last_answer(q, (clock_now_ms() - q->settings->started_ms) / 1000, NULL);
}

/* XEP-0012 s. 4: who may not see the account is refused, and so is who asks for one that does not exist. */
void service_last(const struct service_query *q)
{
    const struct account *a = q->account;
    uint64_t now = clock_wall_us() / 1000000;
    if (!service_may_see(q))
        service_refuse(q, STANZA_FORBIDDEN);
    else if (a->available_count) /* a session may be there and want nobody to know (XEP-0186) */
        last_answer(q, 0, NULL);
    else if (!a->absent_since_s) /* it was never here */
        service_refuse(q, STANZA_ITEM_NOT_FOUND);
    else /* the clock may have been set back */
        last_answer(q, now > a->absent_since_s ? now - a->absent_since_s : 0, a->absent_status);
}
