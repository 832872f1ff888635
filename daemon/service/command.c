/* SPDX-License-Identifier: Apache-2.0 */
/* Ad-hoc commands (XEP-0050) with data forms (XEP-0004): one form, one answer, and nothing is remembered
 * between them. Only for the administrators of the configuration. */
#include "service/command.h"

#include "base/clock.h"
#include "base/log.h"
#include "xml/write.h"

#define COMMANDS "http://jabber.org/protocol/commands"

static const char *const field_types[] = {
    [FIELD_JID] = "jid-single",     [FIELD_JIDS] = "jid-multi",  [FIELD_SECRET] = "text-private",
    [FIELD_NUMBER] = "text-single", [FIELD_TEXT] = "text-multi",
};

bool service_is_admin(const struct service_query *q)
{
    struct jid from = jid_of_prepared(q->from);
    for (uint32_t i = 0; i < q->settings->admins.count && q->address != SERVICE_SERVER_REMOTE; i++)
        if (span_equal(span_of(q->settings->admins.texts[i]), jid_bare(&from)))
            return true;
    return false;
}

static const struct command *command_find(struct span node)
{
    for (uint32_t i = 0; i < service_command_count; i++)
        if (span_equal(span_of(service_commands[i].node), node))
            return &service_commands[i];
    return NULL;
}

/* ---- discovery ---- */

bool service_command_info(const struct service_query *q, struct span node, struct buffer *out)
{
    const struct command *c = command_find(node);
    if (!service_is_admin(q) || (!c && !span_is(node, COMMANDS)))
        return false;
    buffer_printf(out, "<identity category='automation' type='%s' name='%s'/>",
                  c ? "command-node" : "command-list", c ? c->name : "Administration");
    buffer_literal(out, "<feature var='" COMMANDS "'/><feature var='jabber:x:data'/>");
    return true;
}

bool service_command_items(const struct service_query *q, struct span node, struct buffer *out)
{
    if (!service_is_admin(q) || !span_is(node, COMMANDS))
        return false;
    for (uint32_t i = 0; i < service_command_count; i++) {
        buffer_literal(out, "<item");
        xml_write_attribute(out, "jid", jid_full(&q->stanza->to));
        buffer_printf(out, " node='%s' name='%s'/>", service_commands[i].node, service_commands[i].name);
    }
    return true;
}

/* ---- the dialogue ---- */

static void command_open(struct buffer *out, const struct command *c, struct span session, const char *status)
{
    buffer_printf(out, "<command xmlns='" COMMANDS "' node='%s' status='%s'", c->node, status);
    if (session.len)
        xml_write_attribute(out, "sessionid", session);
    else /* to tell them apart is the client's affair */
        buffer_printf(out, " sessionid='%llx'", (unsigned long long)clock_wall_us());
    buffer_append_char(out, '>');
}

static void answer(const struct service_query *q, struct buffer *out)
{
    buffer_literal(out, "</command>");
    if (buffer_ok(out))
        service_result(q, buffer_span(out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(out);
}

static void form_send(const struct service_query *q, const struct command *c)
{
    struct buffer out = {0};
    command_open(&out, c, (struct span){0}, "executing");
    buffer_printf(
        &out,
        "<actions execute='complete'><complete/></actions><x xmlns='jabber:x:data' "
        "type='form'><title>%s</title>"
        "<field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/admin</value></field>",
        c->name);
    for (const struct command_field *f = c->fields; f < c->fields + COMMAND_FIELDS_MAX && f->var; f++)
        buffer_printf(&out, "<field var='%s' type='%s' label='%s'%s", f->var, field_types[f->type], f->label,
                      f->is_required ? "><required/></field>" : "/>");
    buffer_literal(&out, "</x>");
    answer(q, &out);
}

/* The form's values of one field, copied. False: too many, or no memory. */
static bool values_take(struct command_work *w, const struct xml_node *form, const char *var,
                        struct command_values *ret)
{
    for (const struct xml_node *field = form->children; field; field = field->next) {
        if (!span_is(field->name, "field") ||
            !span_equal(xml_node_attribute(field, SPAN("var")), span_of(var)))
            continue;
        for (const struct xml_node *v = field->children; v; v = v->next) {
            if (!span_is(v->name, "value"))
                continue;
            if (ret->count == COMMAND_VALUES_MAX)
                return false;
            struct span copy = arena_copy(&w->work.request.arena, v->text);
            if (!copy.ptr)
                return false;
            ret->list[ret->count++] = copy;
        }
    }
    return true;
}

static bool form_read(struct command_work *w, const struct xml_node *form)
{
    for (int i = 0; i < COMMAND_FIELDS_MAX && w->command->fields[i].var; i++) {
        const struct command_field *f = &w->command->fields[i];
        if (form && !values_take(w, form, f->var, &w->values[i]))
            return false;
        bool is_single = f->type != FIELD_JIDS && f->type != FIELD_TEXT;
        if ((f->is_required && !w->values[i].count) || (is_single && w->values[i].count > 1))
            return false;
    }
    return true;
}

static void command_run(struct service_work *work)
{
    struct command_work *w = container_of(work, struct command_work, work);
    w->is_done = w->command->run(w);
}

static void command_finish(struct service_work *work)
{
    struct command_work *w = container_of(work, struct command_work, work);
    struct buffer out = {0};
    log_info("ad-hoc-command", "by=%.*s node=%s result=%s", (int)work->from.len, work->from.ptr,
             w->command->node, w->is_done ? "done" : "failed");
    command_open(&out, w->command, (struct span){0}, "completed");
    if (w->text.len) {
        buffer_printf(&out, "<note type='%s'>", w->is_done ? "info" : "error");
        xml_escape(&out, buffer_span(&w->text));
        buffer_literal(&out, "</note>");
    }
    buffer_append(&out, buffer_span(&w->form));
    buffer_literal(&out, "</command>");
    if (buffer_ok(&out) && buffer_ok(&w->text) && buffer_ok(&w->form))
        service_work_result(work, buffer_span(&out));
    else
        service_work_refuse(work, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
    buffer_fini(&w->text);
    buffer_fini(&w->form);
    for (int i = 0; i < COMMAND_FIELDS_MAX; i++)
        if (w->command->fields[i].type == FIELD_SECRET)
            for (uint32_t v = 0; v < w->values[i].count; v++)
                explicit_bzero((char *)w->values[i].list[v].ptr, w->values[i].list[v].len);
}

static void command_execute(const struct service_query *q, const struct command *c,
                            const struct xml_node *form)
{
    struct command_work *w = service_work_new(q, sizeof *w, command_finish);
    if (!w)
        return;
    w->command = c;
    if (form_read(w, form)) {
        service_work_run(&w->work, q->settings->jobs, command_run);
        return;
    }
    service_work_free(&w->work);
    service_refuse(q, STANZA_BAD_REQUEST);
}

void service_command(const struct service_query *q)
{
    const struct xml_node *order = service_payload(q);
    if (!order)
        return;
    const struct command *c = command_find(xml_node_attribute(order, SPAN("node")));
    struct span action = xml_node_attribute(order, SPAN("action"));
    const struct xml_node *form = xml_node_child(order, SPAN("x"), SPAN("jabber:x:data"));
    bool is_execution = !action.len || span_is(action, "execute") || span_is(action, "complete");
    if (!service_is_admin(q)) {
        service_refuse(q, STANZA_FORBIDDEN);
    } else if (!c) {
        service_refuse(q, STANZA_ITEM_NOT_FOUND);
    } else if (span_is(action, "cancel")) {
        struct buffer out = {0};
        command_open(&out, c, xml_node_attribute(order, SPAN("sessionid")), "canceled");
        answer(q, &out);
    } else if (!is_execution) { /* there is no next stage, and none before */
        service_refuse(q, STANZA_BAD_REQUEST);
    } else if (!form && c->fields[0].var && c->fields[0].is_required) {
        form_send(q, c);
    } else {
        command_execute(q, c, form);
    }
}
