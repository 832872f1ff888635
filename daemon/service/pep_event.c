/* SPDX-License-Identifier: Apache-2.0 */
/* What those hear who want to hear of a node (XEP-0060 s. 7.1.2, XEP-0163 s. 4.3): one encoding for all of
 * them, with a gap for the recipient. */
#include "service/pep.h"
#include "stanza/event.h"
#include "xml/write.h"

/* To whoever may see the node. */
static void tell(const struct pep_work *p, struct span content)
{
    struct span publisher = p->work.request.jid;
    struct frame *f = event_frame(publisher, content, (struct span){0});
    if (f)
        router_event(p->work.router, publisher, p->node, f, p->config.access != PEP_WHITELIST);
    frame_unref(f);
}

void pep_tell_item(const struct pep_work *p)
{
    struct buffer out = {0};
    if (!p->config.notify)
        return;
    event_item_write(&out, p->node, p->item.id, p->config.payloads ? p->item.payload : (struct span){0});
    if (buffer_ok(&out))
        tell(p, buffer_span(&out));
    buffer_fini(&out);
}

void pep_tell_retracted(const struct pep_work *p)
{
    struct buffer out = {0};
    if (!p->is_notified && !p->config.notify_retract)
        return;
    buffer_literal(&out, "<items");
    xml_write_attribute(&out, "node", p->node);
    buffer_literal(&out, "><retract");
    xml_write_attribute(&out, "id", p->item.id);
    buffer_literal(&out, "/></items>");
    if (buffer_ok(&out))
        tell(p, buffer_span(&out));
    buffer_fini(&out);
}

void pep_tell_node(const struct pep_work *p, const char *what)
{
    struct buffer out = {0};
    buffer_printf(&out, "<%s", what);
    xml_write_attribute(&out, "node", p->node);
    buffer_literal(&out, "/>");
    if (buffer_ok(&out))
        tell(p, buffer_span(&out));
    buffer_fini(&out);
}
