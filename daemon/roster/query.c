/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/query.h"

#include <errno.h>

#include "xml/write.h"

#define ROSTER_XMLNS "jabber:iq:roster"

static bool is_roster_element(const struct xml_node *node, struct span name)
{
    return span_equal(node->name, name) && span_is(node->xmlns, ROSTER_XMLNS);
}

/* The only item of a set; NULL when there is none or more than one. */
static const struct xml_node *only_item(const struct xml_node *query)
{
    const struct xml_node *item = NULL;
    for (const struct xml_node *child = query->children; child; child = child->next) {
        if (!is_roster_element(child, SPAN("item")))
            continue;
        if (item)
            return NULL;
        item = child;
    }
    return item;
}

/* Was a group with this node's text among the children of `item` before it? At most ROSTER_GROUPS_MAX are
 * looked at. */
static bool is_duplicate_group(const struct xml_node *item, const struct xml_node *group)
{
    for (const struct xml_node *child = item->children; child != group; child = child->next)
        if (is_roster_element(child, SPAN("group")) && span_equal(child->text, group->text))
            return true;
    return false;
}

/* Check the groups and sum up what their list takes. 0 or ROSTER_REFUSED. */
static int check_groups(const struct xml_node *item, size_t *ret_bytes, enum stanza_error *ret_error)
{
    size_t bytes = 0;
    uint32_t count = 0;
    for (const struct xml_node *child = item->children; child; child = child->next) {
        if (!is_roster_element(child, SPAN("group")))
            continue;
        /* A line feed ends a group in our list, and has no place in a name that is shown. */
        if (++count > ROSTER_GROUPS_MAX || child->text.len == 0 || child->text.len > ROSTER_NAME_BYTES_MAX ||
            memchr(child->text.ptr, '\n', child->text.len)) {
            *ret_error = STANZA_NOT_ACCEPTABLE;
            return ROSTER_REFUSED;
        }
        if (is_duplicate_group(item, child)) {
            *ret_error = STANZA_BAD_REQUEST;
            return ROSTER_REFUSED;
        }
        bytes += child->text.len + 1;
    }
    *ret_bytes = bytes;
    return 0;
}

/* The checked groups, each followed by a line feed. */
static int join_groups(const struct xml_node *item, struct arena *arena, size_t bytes,
                       struct span *ret_groups)
{
    *ret_groups = (struct span){0};
    if (bytes == 0)
        return 0;
    char *joined = arena_take(arena, bytes), *end = joined;
    if (!joined)
        return -ENOMEM;
    for (const struct xml_node *child = item->children; child; child = child->next) {
        if (!is_roster_element(child, SPAN("group")))
            continue;
        end = mempcpy(end, child->text.ptr, child->text.len);
        *end++ = '\n';
    }
    *ret_groups = span_make(joined, bytes);
    return 0;
}

int roster_change_read(const struct xml_node *query, struct arena *arena, struct roster_change *ret_change,
                       enum stanza_error *ret_error)
{
    const struct xml_node *item = only_item(query);
    struct span contact = item ? xml_node_attribute(item, SPAN("jid")) : (struct span){0};
    if (!contact.ptr) {
        *ret_error = STANZA_BAD_REQUEST;
        return ROSTER_REFUSED;
    }
    if (jid_parse(contact, ret_change->contact_storage, &ret_change->contact) != 0) {
        *ret_error = STANZA_JID_MALFORMED;
        return ROSTER_REFUSED;
    }
    ret_change->name = ret_change->groups = (struct span){0};
    ret_change->is_removal = span_is(xml_node_attribute(item, SPAN("subscription")), "remove");
    if (ret_change->is_removal)
        return 0; /* what else a removal says is of no account */
    struct span name = xml_node_attribute(item, SPAN("name"));
    if (name.len > ROSTER_NAME_BYTES_MAX) {
        *ret_error = STANZA_NOT_ACCEPTABLE;
        return ROSTER_REFUSED;
    }
    size_t groups_bytes;
    int refused = check_groups(item, &groups_bytes, ret_error);
    if (refused)
        return refused;
    ret_change->name = name;
    return join_groups(item, arena, groups_bytes, &ret_change->groups);
}

static void group_write(struct buffer *out, struct span title)
{
    buffer_literal(out, "<group>");
    xml_escape(out, title);
    buffer_literal(out, "</group>");
}

/* The next of the groups, each of which is followed by a line feed. */
static struct span group_cut(struct span *groups)
{
    const char *end = memchr(groups->ptr, '\n', groups->len);
    struct span group = span_make(groups->ptr, end ? (size_t)(end - groups->ptr) : groups->len);
    *groups = span_skip(*groups, group.len + (end ? 1 : 0));
    return group;
}

static bool has_group(struct span groups, struct span title)
{
    while (groups.len)
        if (span_equal(group_cut(&groups), title))
            return true;
    return false;
}

/* Two shared groups may have one title, and the user a group of that name: a title is shown once. */
static bool is_first_title(const struct roster_share *share, uint32_t at, struct span own)
{
    struct span title = share->groups[at]->title;
    for (uint32_t i = 0; i < at; i++)
        if (span_equal(share->groups[i]->title, title))
            return false;
    return !has_group(own, title);
}

static const char *union_name(enum subscription_state state, const struct roster_share *share)
{
    bool has_to = subscription_has_to(state) || share->is_to,
         has_from = subscription_has_from(state) || share->is_from;
    if (has_to)
        return has_from ? "both" : "to";
    return has_from ? "from" : "none";
}

void roster_shared_item_write(struct buffer *out, struct span contact, const struct roster_item *item,
                              const struct roster_share *share)
{
    enum subscription_state state = item ? item->state : SUBSCRIPTION_NONE;
    struct span name = item ? roster_item_name(item) : (struct span){0};
    struct span own = item ? roster_item_groups(item) : (struct span){0};
    buffer_literal(out, "<item");
    xml_write_attribute(out, "jid", contact);
    if (name.len)
        xml_write_attribute(out, "name", name);
    xml_write_attribute(out, "subscription", span_of(union_name(state, share)));
    if (subscription_is_pending_out(state) && !share->is_to)
        buffer_literal(out, " ask='subscribe'");
    if (item && item->is_approved)
        buffer_literal(out, " approved='true'");
    if (!own.len && !share->count) {
        buffer_literal(out, "/>");
        return;
    }
    buffer_append_char(out, '>');
    for (struct span groups = own; groups.len;)
        group_write(out, group_cut(&groups));
    for (uint32_t i = 0; i < share->count; i++)
        if (is_first_title(share, i, own))
            group_write(out, share->groups[i]->title);
    buffer_literal(out, "</item>");
}

void roster_item_write(struct buffer *out, const struct roster_item *item)
{
    static const struct roster_share nothing;
    roster_shared_item_write(out, entity_text(item->contact), item, &nothing);
}

void roster_query_open(struct buffer *out, const struct roster_mark *mark)
{
    char storage[ROSTER_MARK_BYTES];
    buffer_literal(out, "<query xmlns='" ROSTER_XMLNS "'");
    if (mark) {
        buffer_literal(out, " ver='");
        buffer_append(out, roster_mark_write(mark, storage));
        buffer_literal(out, "'");
    }
    buffer_literal(out, ">");
}

void roster_push_write(struct buffer *out, const struct roster_mark *mark, struct span contact,
                       const struct roster_item *item, const struct roster_share *share)
{
    roster_query_open(out, mark);
    roster_shared_item_write(out, contact, item, share);
    buffer_literal(out, "</query>");
}

void roster_push_removal_write(struct buffer *out, const struct roster_mark *mark, struct span contact)
{
    roster_query_open(out, mark);
    buffer_literal(out, "<item");
    xml_write_attribute(out, "jid", contact);
    buffer_literal(out, " subscription='remove'/></query>");
}
