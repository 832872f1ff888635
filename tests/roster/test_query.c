/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "roster/query.h"

/* `text`: the query's children. */
static int read_change(struct arena *arena, const char *text, struct roster_change *ret_change,
                       enum stanza_error *ret_error)
{
    struct buffer b;
    struct xml_node *query;
    buffer_init(&b);
    buffer_printf(&b, "<query xmlns='jabber:iq:roster'>%s</query>", text);
    struct span kept = arena_copy(arena, buffer_span(&b));
    buffer_fini(&b);
    assert_int_equal(xml_tree_build(arena, kept, SPAN("jabber:client"), &query), 0);
    return roster_change_read(query, arena, ret_change, ret_error);
}

static void test_accepted_sets(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *text, *jid, *handle, *groups;
        bool is_removal;
    } rows[] = {
        {"only a jid", "<item jid='nurse@example.com'/>", "nurse@example.com", "", "", false},
        {"name", "<item jid='nurse@example.com' name='Nurse &amp; Co'/>", "nurse@example.com", "Nurse & Co",
         "", false},
        {"empty name", "<item jid='nurse@example.com' name=''/>", "nurse@example.com", "", "", false},
        {"groups in order",
         "<item jid='a@b'><group>B</group><group>A &lt;1&gt;</group><group>b</group></item>", "a@b", "",
         "B\nA <1>\nb\n", false},
        {"prepared", "<item jid='NURSE@Example.COM/Home'/>", "nurse@example.com/Home", "", "", false},
        {"domain", "<item jid='example.com'/>", "example.com", "", "", false},
        {"subscription other than remove",
         "<item jid='a@b' subscription='both' ask='subscribe' approved='true'/>", "a@b", "", "", false},
        {"remove", "<item jid='a@b' subscription='remove'/>", "a@b", "", "", true},
        {"remove with what does not count", "<item jid='a@b' subscription='remove' name='x'><group/></item>",
         "a@b", "", "", true},
        {"white space", "\n <item jid='a@b'>\n <group>G</group>\n </item>\n", "a@b", "", "G\n", false},
        {"foreign siblings", "<x xmlns='urn:x'/><item jid='a@b'/><item xmlns='urn:x' jid='c@d'/>", "a@b", "",
         "", false},
        {"foreign groups", "<item jid='a@b'><group xmlns='urn:x'/><group>G</group></item>", "a@b", "", "G\n",
         false},
        {"text with a child", "<item jid='a@b'><group>G<x/>H</group></item>", "a@b", "", "GH\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct roster_change change;
        enum stanza_error error;
        arena_init(&arena);
        int got = read_change(&arena, rows[i].text, &change, &error);
        if (got != 0 || !span_equal(jid_full(&change.contact), span_of(rows[i].jid)) ||
            !span_equal(change.name, span_of(rows[i].handle)) ||
            !span_equal(change.groups, span_of(rows[i].groups)) || change.is_removal != rows[i].is_removal)
            fail_msg("%s: %d", rows[i].name, got);
        arena_fini(&arena);
    }
}

static void test_refused_sets(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *text;
        enum stanza_error error;
    } rows[] = {
        {"no item", "", STANZA_BAD_REQUEST},
        {"foreign item only", "<item xmlns='urn:x' jid='a@b'/>", STANZA_BAD_REQUEST},
        {"two items", "<item jid='a@b'/><item jid='c@d'/>", STANZA_BAD_REQUEST},
        {"two removals", "<item jid='a@b' subscription='remove'/><item jid='c@d' subscription='remove'/>",
         STANZA_BAD_REQUEST},
        {"no jid", "<item name='x'/>", STANZA_BAD_REQUEST},
        {"empty jid", "<item jid=''/>", STANZA_JID_MALFORMED},
        {"no JID", "<item jid='a@'/>", STANZA_JID_MALFORMED},
        {"duplicate groups", "<item jid='a@b'><group>A</group><group>B</group><group>A</group></item>",
         STANZA_BAD_REQUEST},
        {"duplicate groups written differently",
         "<item jid='a@b'><group>A</group><group>&#65;</group></item>", STANZA_BAD_REQUEST},
        {"empty group", "<item jid='a@b'><group>A</group><group></group></item>", STANZA_NOT_ACCEPTABLE},
        {"empty group in short", "<item jid='a@b'><group/></item>", STANZA_NOT_ACCEPTABLE},
        {"line feed in a group", "<item jid='a@b'><group>A&#10;B</group></item>", STANZA_NOT_ACCEPTABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct roster_change change;
        enum stanza_error error = STANZA_ERROR_COUNT;
        arena_init(&arena);
        int got = read_change(&arena, rows[i].text, &change, &error);
        if (got != ROSTER_REFUSED || error != rows[i].error)
            fail_msg("%s: %d, %d", rows[i].name, got, (int)error);
        arena_fini(&arena);
    }
}

static void test_limits(void **unused)
{
    (void)unused;
    static const struct {
        int name_len, group_len, groups;
        int outcome;
    } rows[] = {
        {ROSTER_NAME_BYTES_MAX, 1, 1, 0}, {ROSTER_NAME_BYTES_MAX + 1, 1, 1, ROSTER_REFUSED},
        {1, ROSTER_NAME_BYTES_MAX, 1, 0}, {1, ROSTER_NAME_BYTES_MAX + 1, 1, ROSTER_REFUSED},
        {1, 3, ROSTER_GROUPS_MAX, 0},     {1, 3, ROSTER_GROUPS_MAX + 1, ROSTER_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct buffer b;
        struct roster_change change;
        enum stanza_error error = STANZA_ERROR_COUNT;
        arena_init(&arena);
        buffer_init(&b);
        buffer_printf(&b, "<item jid='a@b' name='%0*d'>", rows[i].name_len, 0);
        for (int g = 0; g < rows[i].groups; g++)
            buffer_printf(&b, "<group>%0*d</group>", rows[i].group_len, g);
        buffer_literal(&b, "</item>");
        buffer_append_char(&b, '\0');
        assert_int_equal(read_change(&arena, b.ptr, &change, &error), rows[i].outcome);
        if (rows[i].outcome)
            assert_int_equal(error, STANZA_NOT_ACCEPTABLE);
        else
            assert_int_equal(change.groups.len, (rows[i].group_len + 1) * rows[i].groups);
        buffer_fini(&b);
        arena_fini(&arena);
    }
}

struct fixture {
    struct entity_table entities;
    struct roster roster;
    struct buffer out;
};

static int set_up(void **state)
{
    static struct fixture f;
    entity_table_init(&f.entities);
    roster_init(&f.roster);
    buffer_init(&f.out);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    roster_fini(&f->roster, &f->entities);
    entity_table_fini(&f->entities);
    buffer_fini(&f->out);
    return 0;
}

static struct roster_item *add(struct fixture *f, const char *contact, enum subscription_state state,
                               const char *name, const char *groups)
{
    struct jid jid = jid_of_prepared(span_of(contact));
    struct entity *e = entity_take(&f->entities, &jid);
    struct roster_item *item;
    assert_int_equal(roster_add(&f->roster, e, 100, &item), 0);
    entity_give(&f->entities, e);
    item->state = (uint8_t)state;
    item->is_listed = true;
    assert_int_equal(roster_item_set_text(item, span_of(name), span_of(groups), SPAN("<presence/>")), 0);
    return item;
}

static void assert_written(struct fixture *f, const char *want)
{
    buffer_append_char(&f->out, '\0');
    assert_true(buffer_ok(&f->out));
    assert_string_equal(f->out.ptr, want);
    buffer_clear(&f->out);
}

static void test_item_write(void **state)
{
    struct fixture *f = *state;
    struct roster_item *item = add(f, "a@b", SUBSCRIPTION_BOTH, "", "");
    roster_item_write(&f->out, item);
    assert_written(f, "<item jid='a@b' subscription='both'/>");

    static const struct {
        enum subscription_state state;
        const char *want;
    } rows[] = {
        {SUBSCRIPTION_NONE, "subscription='none'"},
        {SUBSCRIPTION_NONE_PENDING_OUT, "subscription='none' ask='subscribe'"},
        {SUBSCRIPTION_NONE_PENDING_IN, "subscription='none'"},
        {SUBSCRIPTION_NONE_PENDING_OUT_IN, "subscription='none' ask='subscribe'"},
        {SUBSCRIPTION_TO, "subscription='to'"},
        {SUBSCRIPTION_TO_PENDING_IN, "subscription='to'"},
        {SUBSCRIPTION_FROM, "subscription='from'"},
        {SUBSCRIPTION_FROM_PENDING_OUT, "subscription='from' ask='subscribe'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char want[128];
        snprintf(want, sizeof want, "<item jid='a@b' %s approved='true'/>", rows[i].want);
        item->state = (uint8_t)rows[i].state;
        item->is_approved = true;
        roster_item_write(&f->out, item);
        assert_written(f, want);
    }
}

static void test_names_and_groups_are_escaped(void **state)
{
    struct fixture *f = *state;
    struct roster_item *item = add(f, "d'artagnan@b", SUBSCRIPTION_TO, "<\"'&>", "A&B\n<i>\n");
    roster_item_write(&f->out, item);

    /* However it is written, it reads as what it was. */
    struct arena arena;
    struct xml_node *node;
    arena_init(&arena);
    assert_int_equal(xml_tree_build(&arena, buffer_span(&f->out), SPAN("jabber:iq:roster"), &node), 0);
    assert_true(span_is(xml_node_attribute(node, SPAN("jid")), "d'artagnan@b"));
    assert_true(span_is(xml_node_attribute(node, SPAN("name")), "<\"'&>"));
    assert_true(span_is(xml_node_attribute(node, SPAN("subscription")), "to"));
    assert_true(span_is(node->children->text, "A&B"));
    assert_true(span_is(node->children->next->text, "<i>"));
    assert_null(node->children->next->next);
    arena_fini(&arena);
}

static void test_pushes(void **state)
{
    struct fixture *f = *state;
    const struct roster_mark mark = {.epoch = 0xe, .version = 0x12};
    static const struct roster_share nothing;
    roster_push_write(&f->out, &mark, SPAN("a@b"), add(f, "a@b", SUBSCRIPTION_FROM, "", ""), &nothing);
    assert_written(
        f, "<query xmlns='jabber:iq:roster' ver='e-12'><item jid='a@b' subscription='from'/></query>");
    roster_push_removal_write(&f->out, &mark, SPAN("a&b@c"));
    assert_written(f, "<query xmlns='jabber:iq:roster' ver='e-12'><item jid='a&amp;b@c' "
                      "subscription='remove'/></query>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted_sets),
        cmocka_unit_test(test_refused_sets),
        cmocka_unit_test(test_limits),
        cmocka_unit_test_setup_teardown(test_item_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_and_groups_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
