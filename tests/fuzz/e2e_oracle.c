/* SPDX-License-Identifier: Apache-2.0 */
#include "e2e_oracle.h"

#include <expat.h>

/* In front of a name that expat says, behind its namespace. */
#define BETWEEN '|'

static void on_start(void *context, const char *name, const char **attributes)
{
    struct oracle *o = context;
    (void)attributes;
    o->depth++;
    if (o->is_first)
        o->has_element = true;
    if (o->depth != 3) /* around, the stanza, its child */
        return;
    bool is_object = strcmp(name, "urn:ietf:params:xml:ns:xmpp-e2e|e2e") == 0;
    o->is_first = is_object && o->objects == 0;
    o->objects += is_object;
    o->marks += strcmp(name, "urn:xmpp:muster:e2e:0|e2e-status") == 0;
}

static void on_end(void *context, const char *name)
{
    struct oracle *o = context;
    (void)name;
    if (o->depth-- == 3)
        o->is_first = false;
}

static void on_text(void *context, const char *text, int len)
{
    struct oracle *o = context;
    if (o->is_first)
        buffer_append(&o->text, span_make(text, (size_t)len));
}

bool oracle_read(struct span stanza, struct oracle *o)
{
    static const char before[] = "<around xmlns='jabber:client'>", after[] = "</around>";
    XML_Parser p = XML_ParserCreateNS("UTF-8", BETWEEN);
    XML_SetUserData(p, o);
    XML_SetElementHandler(p, on_start, on_end);
    XML_SetCharacterDataHandler(p, on_text);
    bool is_read = XML_Parse(p, before, sizeof before - 1, 0) == XML_STATUS_OK &&
                   XML_Parse(p, stanza.ptr, (int)stanza.len, 0) == XML_STATUS_OK &&
                   XML_Parse(p, after, sizeof after - 1, 1) == XML_STATUS_OK;
    XML_ParserFree(p);
    return is_read;
}
