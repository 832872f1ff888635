/* SPDX-License-Identifier: Apache-2.0 */
/* Queries to the server, to no one, and to a bare JID on its account's behalf find the service that answers
 * them. */
#include "route/service.h"

#include <stdlib.h>

#include "route/internal.h"
#include "xml/tree.h"

static const struct service *service_find(const struct router *r, const struct stanza *stanza,
                                          enum service_address address)
{
    uint8_t type = stanza->type.iq == IQ_GET ? SERVICE_GET : SERVICE_SET;
    for (const struct service *s = r->settings->services; s->answer; s++)
        if (s->types & type && s->addresses & address && span_equal(stanza->child_name, span_of(s->name)) &&
            span_equal(stanza->child_xmlns, span_of(s->xmlns)))
            return s;
    return NULL;
}

static void query_run(const struct service_query *q)
{
    const struct service *service = service_find(q->router, q->stanza, q->address);
    if (service)
        service->answer(q);
    else
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
}

void router_query(struct router *r, struct session *s, const struct stanza *stanza)
{
    struct account *a = s->account;
    if (stanza->type.iq == IQ_RESULT || stanza->type.iq == IQ_ERROR) {
        router_caps_answer(r, s,
                           stanza); /* or an answer to a push of ours (RFC 6121 s. 2.1.6): nothing to do */
        return;
    }
    bool is_own = !stanza->has_to || span_equal(jid_full(&stanza->to), entity_text(a->entity));
    /* Whether there is such an account makes no difference, nor whether it has blocked the sender: nobody is asked. */
    if (!is_own && stanza->to.local_len && !stanza->to.resource_len && router_is_roster_query(stanza) &&
        router_is_local(r, jid_domain(&stanza->to))) {
        router_refuse(r, s, stanza, STANZA_FORBIDDEN); /* RFC 6121 s. 2.1.4 */
        return;
    }
    if (!is_own && stanza->to.local_len) {
        router_route(r, s, stanza, session_jid(s), &stanza->to);
        return;
    }
    if (is_own && router_roster_iq(r, s, stanza))
        return;
    struct service_query q = {.router = r,
                              .settings = r->settings->service_settings,
                              .stanza = stanza,
                              .address = is_own ? SERVICE_OWN : SERVICE_SERVER,
                              .account = a,
                              .session = s,
                              .from = session_jid(s)};
    if (!is_own && stanza->to.resource_len)
        router_refuse(r, s, stanza, STANZA_SERVICE_UNAVAILABLE);
    else
        query_run(&q);
    arena_reset(&r->arena);
}

void router_query_remote(struct router *r, const struct stanza *stanza, const struct jid *from)
{
    struct service_query q = {.router = r,
                              .settings = r->settings->service_settings,
                              .stanza = stanza,
                              .address = SERVICE_SERVER_REMOTE,
                              .from = jid_full(from)};
    if (stanza->to.resource_len)
        router_bounce(r, stanza, STANZA_SERVICE_UNAVAILABLE, &stanza->to, from);
    else
        query_run(&q);
    arena_reset(&r->arena);
}

void router_query_account(struct router *r, struct account *a, const struct stanza *stanza,
                          const struct jid *from)
{
    struct service_query q = {.router = r,
                              .settings = r->settings->service_settings,
                              .stanza = stanza,
                              .address = SERVICE_ACCOUNT,
                              .account = a,
                              .from = jid_full(from)};
    query_run(&q);
}

bool service_may_see(const struct service_query *q)
{
    struct jid from = jid_of_prepared(q->from);
    return q->address == SERVICE_OWN || router_may_see(q->router, q->account, jid_bare(&from));
}

/* ---- answering at once ---- */

static void answer_send(struct router *r, struct frame *frame, struct span from, struct span to)
{
    struct jid jid = jid_of_prepared(to);
    router_send_stanza(r, frame, from, &jid);
}

/* Who answers: whom the asker has asked, its own account when nobody. */
static struct span answerer(const struct service_query *q)
{
    return q->stanza->has_to ? jid_full(&q->stanza->to) : entity_text(q->account->entity);
}

void service_result(const struct service_query *q, struct span payload)
{
    struct frame *f = stanza_result_frame(q->stanza, answerer(q), q->from, payload);
    if (!f)
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    else if (q->session)
        stream_send(q->session->stream, f);
    else
        answer_send(q->router, f, answerer(q), q->from);
}

void service_refuse(const struct service_query *q, enum stanza_error e)
{
    service_refuse_more(q, e, (struct span){0});
}

void service_refuse_more(const struct service_query *q, enum stanza_error e, struct span more)
{
    struct frame *f = stanza_error_frame_more(q->stanza, e, answerer(q), q->from, NULL, more);
    q->router->counters.errors++;
    if (f && q->session)
        stream_send(q->session->stream, f);
    else if (q->session)
        stream_fail(q->session->stream, STREAM_INTERNAL_SERVER_ERROR, NULL);
    else
        answer_send(q->router, f, answerer(q), q->from);
}

struct xml_node *service_payload(const struct service_query *q)
{
    struct xml_node *iq;
    if (xml_tree_build(&q->router->arena, q->stanza->raw, SPAN("jabber:client"), &iq) == 0 && iq->children)
        return iq->children;
    service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    return NULL;
}

const struct pep_limits *router_pep_limits(const struct router *r)
{
    return &r->settings->pep;
}

bool router_stands_alone(struct router *r, struct span xml)
{
    struct xml_item item;
    size_t used;
    enum xml_error error;
    xml_scan_reset(r->scan);
    return xml_scan_next(r->scan, XML_AT_CONTENT, SPAN("stream:stream"), xml, &item, &used, &error) == 0 &&
           used == xml.len;
}

/* ---- answering after the store ---- */

void service_work_free(struct service_work *w)
{
    arena_fini(&w->request.arena);
    free(w);
}

void *service_work_new(const struct service_query *q, size_t bytes, void (*finish)(struct service_work *w))
{
    struct service_work *w = calloc(1, bytes);
    if (!w) {
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
        return NULL;
    }
    struct arena *arena = &w->request.arena;
    arena_init(arena);
    w->router = q->router;
    w->settings = q->settings;
    w->finish = finish;
    w->id = arena_copy(arena, q->stanza->id);
    w->from = arena_copy(arena, q->from);
    w->to = arena_copy(arena, answerer(q));
    w->request.jid = arena_copy(arena, entity_text(q->account->entity));
    if (w->id.ptr && w->from.ptr && w->to.ptr && w->request.jid.ptr)
        return w;
    service_work_free(w);
    service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    return NULL;
}

static void work_end(struct service_work *w)
{
    w->router->operations--;
    if (w->request.result < 0 && !w->handles_failure)
        service_work_refuse(w, STANZA_INTERNAL_SERVER_ERROR);
    else
        w->finish(w);
    service_work_free(w);
}

static void work_handle(struct message *m, void *context)
{
    (void)context;
    work_end(container_of(m, struct service_work, message));
}

static void work_job_run(struct job *j)
{
    struct service_work *w = container_of(j, struct service_work, job);
    w->run(w);
}

static void work_job_done(struct job *j)
{
    work_end(container_of(j, struct service_work, job));
}

void service_work_run(struct service_work *w, struct jobs *jobs, void (*run)(struct service_work *w))
{
    w->run = run;
    w->job = (struct job){.home = w->router->loop, .run = work_job_run, .done = work_job_done};
    w->router->operations++;
    jobs_submit(jobs, &w->job);
}

static void work_done(struct store_request *request)
{
    struct service_work *w = container_of(request, struct service_work, request);
    w->message.handle = work_handle;
    loop_post(w->router->loop, NULL, &w->message);
}

void service_work_submit(struct service_work *w, int (*call)(struct store_db *db, struct store_request *r))
{
    w->request.operation = STORE_CALL;
    w->request.call = call;
    w->request.done = work_done;
    w->router->operations++;
    store_submit(w->router->store, &w->request);
}

void service_work_submit_command(struct service_work *w, struct span command)
{
    w->request.command = command;
    w->request.done = work_done;
    w->router->operations++;
    w->router->settings->command(w->router->settings->command_context, &w->request);
}

static void prepare_run(struct job *j)
{
    struct service_work *w = container_of(j, struct service_work, job);
    w->request.result = w->prepare(w);
}

static void prepare_done(struct job *j)
{
    struct service_work *w = container_of(j, struct service_work, job);
    if (w->request.result < 0) {
        work_end(w);
        return;
    }
    w->router->operations--;
    service_work_submit(w, w->request.call);
}

void service_work_submit_prepared(struct service_work *w, struct jobs *jobs,
                                  int (*prepare)(struct service_work *w),
                                  int (*call)(struct store_db *db, struct store_request *r))
{
    w->request.call = call;
    w->prepare = prepare;
    w->job = (struct job){.home = w->router->loop, .run = prepare_run, .done = prepare_done};
    w->router->operations++;
    jobs_submit(jobs, &w->job);
}

void service_work_result(const struct service_work *w, struct span payload)
{
    const struct stanza query = {.kind = STANZA_IQ, .type.iq = IQ_GET, .id = w->id};
    struct frame *f = stanza_result_frame(&query, w->to, w->from, payload);
    if (f)
        answer_send(w->router, f, w->to, w->from);
    else
        service_work_refuse(w, STANZA_RESOURCE_CONSTRAINT);
}

void service_work_refuse(const struct service_work *w, enum stanza_error e)
{
    service_work_refuse_more(w, e, (struct span){0});
}

void service_work_refuse_more(const struct service_work *w, enum stanza_error e, struct span more)
{
    const struct stanza query = {.kind = STANZA_IQ, .type.iq = IQ_GET, .id = w->id};
    w->router->counters.errors++;
    answer_send(w->router, stanza_error_frame_more(&query, e, w->to, w->from, NULL, more), w->to, w->from);
}
