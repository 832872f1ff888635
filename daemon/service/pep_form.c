/* SPDX-License-Identifier: Apache-2.0 */
/* A node's configuration as a data form (XEP-0060 s. 8.2, 16.4.4). */
#include <stdlib.h>

#include "service/pep.h"

static struct span field_value(const struct xml_node *field)
{
    const struct xml_node *value = xml_node_child(field, SPAN("value"), SPAN(DATA_FORM));
    return value ? value->text : (struct span){0};
}

static int read_bool(struct span text, bool *ret)
{
    if (span_is(text, "1") || span_is(text, "true"))
        *ret = true;
    else if (span_is(text, "0") || span_is(text, "false"))
        *ret = false;
    else
        return PEP_FORM_BAD;
    return 0;
}

static int read_access(struct span text, uint8_t *ret)
{
    if (span_is(text, "open"))
        *ret = PEP_OPEN;
    else if (span_is(text, "presence"))
        *ret = PEP_PRESENCE;
    else if (span_is(text, "whitelist"))
        *ret = PEP_WHITELIST;
    else
        return PEP_FORM_BAD;
    return 0;
}

/* Nobody subscribes to a node, so that "on_sub" is never. */
static int read_send_last(struct span text, bool *ret)
{
    *ret = span_is(text, "on_sub_and_presence");
    return *ret || span_is(text, "never") || span_is(text, "on_sub") ? 0 : PEP_FORM_BAD;
}

/* "max" and any number beyond the limit are the limit. */
static int read_items_max(struct span text, uint32_t items_max, uint32_t *ret)
{
    uint64_t value = 0;
    if (span_is(text, "max")) {
        *ret = items_max;
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > UINT32_MAX)
            return PEP_FORM_BAD;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (!value)
        return PEP_FORM_BAD;
    *ret = value < items_max ? (uint32_t)value : items_max;
    return 0;
}

static int field_read(struct span name, struct span value, const struct pep_limits *limits,
                      struct pep_options *o)
{
    struct pep_config *c = &o->config;
    const struct {
        const char *name;
        bool *to;
        uint32_t bit;
    } facts[] = {
        {"persist_items", &c->persist, PEP_GIVEN_PERSIST},
        {"deliver_notifications", &c->notify, PEP_GIVEN_NOTIFY},
        {"deliver_payloads", &c->payloads, PEP_GIVEN_PAYLOADS},
        {"notify_retract", &c->notify_retract, PEP_GIVEN_RETRACT},
        {"notify_delete", &c->notify_delete, PEP_GIVEN_DELETE},
        {"notify_config", &c->notify_config, PEP_GIVEN_CONFIG},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (!span_equal(name, span_of(facts[i].name)))
            continue;
        o->given |= facts[i].bit;
        return read_bool(value, facts[i].to);
    }
    if (span_is(name, "access_model")) {
        o->given |= PEP_GIVEN_ACCESS;
        return read_access(value, &c->access);
    }
    if (span_is(name, "send_last_published_item")) {
        o->given |= PEP_GIVEN_SEND_LAST;
        return read_send_last(value, &c->send_last);
    }
    if (span_is(name, "max_items")) {
        o->given |= PEP_GIVEN_ITEMS_MAX;
        return read_items_max(value, limits->items, &c->items_max);
    }
    /* Only the owner publishes; what else there may be says nothing about who gets what. */
    return span_is(name, "publish_model") && !span_is(value, "publishers") ? PEP_FORM_BAD : 0;
}

int pep_form_read(const struct xml_node *form, const struct pep_limits *limits, struct pep_options *ret)
{
    struct pep_options options = {.config = pep_config_default};
    for (const struct xml_node *n = form ? form->children : NULL; n; n = n->next) {
        struct span name = xml_node_attribute(n, SPAN("var"));
        if (!span_is(n->name, "field") || !span_is(n->xmlns, DATA_FORM) ||
            !span_starts(name, SPAN("pubsub#")))
            continue;
        if (field_read(span_skip(name, SPAN("pubsub#").len), field_value(n), limits, &options) != 0)
            return PEP_FORM_BAD;
    }
    *ret = options;
    return 0;
}

const struct xml_node *pep_form_in(const struct xml_node *element)
{
    return element ? xml_node_child(element, SPAN("x"), SPAN(DATA_FORM)) : NULL;
}

static const char *access_name(uint8_t access)
{
    return access == PEP_OPEN ? "open" : access == PEP_PRESENCE ? "presence" : "whitelist";
}

static void list_write(struct buffer *out, const char *name, const char *value, const char *const *options)
{
    buffer_printf(out, "<field var='pubsub#%s' type='list-single'>", name);
    for (; *options; options++)
        buffer_printf(out, "<option><value>%s</value></option>", *options);
    buffer_printf(out, "<value>%s</value></field>", value);
}

static void fact_write(struct buffer *out, const char *name, bool value)
{
    buffer_printf(out, "<field var='pubsub#%s' type='boolean'><value>%d</value></field>", name, value);
}

void pep_form_write(struct buffer *out, enum pep_form kind, const struct pep_config *c)
{
    static const char *const access_models[] = {"open", "presence", "whitelist", NULL};
    static const char *const sendings[] = {"never", "on_sub_and_presence", NULL};
    static const char *const publishers[] = {"publishers", NULL};
    buffer_printf(out,
                  "<x xmlns='" DATA_FORM "' type='%s'><field var='FORM_TYPE' type='hidden'><value>" PUBSUB
                  "#%s</value></field>",
                  kind == PEP_FORM_CONFIG ? "form" : "result",
                  kind == PEP_FORM_CONFIG ? "node_config" : "meta-data");
    list_write(out, "access_model", access_name(c->access), access_models);
    list_write(out, "publish_model", "publishers", publishers);
    list_write(out, "send_last_published_item", c->send_last ? "on_sub_and_presence" : "never", sendings);
    buffer_printf(out, "<field var='pubsub#max_items' type='text-single'><value>%u</value></field>",
                  c->items_max);
    fact_write(out, "persist_items", c->persist);
    fact_write(out, "deliver_notifications", c->notify);
    fact_write(out, "deliver_payloads", c->payloads);
    fact_write(out, "notify_retract", c->notify_retract);
    fact_write(out, "notify_delete", c->notify_delete);
    fact_write(out, "notify_config", c->notify_config);
    buffer_literal(out, "</x>");
}
