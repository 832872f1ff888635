/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "roster/query.h"
#include "roster/writer.h"

struct fixture {
    struct entity_table entities;
    struct roster roster;
};

static int setup(void **state)
{
    static struct fixture f;
    entity_table_init(&f.entities);
    roster_init(&f.roster);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    roster_fini(&f->roster, &f->entities);
    entity_table_fini(&f->entities);
    return 0;
}

static void add(struct fixture *f, const char *bare, const char *name, bool is_listed)
{
    struct jid jid = jid_of_prepared(span_of(bare));
    struct entity *contact = entity_take(&f->entities, &jid);
    struct roster_item *item;
    assert_int_equal(roster_add(&f->roster, contact, UINT32_MAX, &item), 0);
    entity_give(&f->entities, contact);
    assert_int_equal(roster_item_set_text(item, span_of(name), (struct span){0}, (struct span){0}), 0);
    item->state = SUBSCRIPTION_TO;
    item->is_listed = is_listed;
}

/* The whole text, made `positions` at a time; checks what each step says it used. */
static struct buffer written(struct roster_writer *w, uint32_t positions, uint32_t expected_positions)
{
    struct buffer text = {0};
    uint32_t used = 0;
    roster_writer_append(w, SPAN("<query>"));
    while (!w->is_done) {
        uint32_t step = roster_writer_step(w, positions);
        assert_true(step <= positions);
        used += step;
    }
    assert_int_equal(used, expected_positions);
    roster_writer_append(w, SPAN("</query>"));
    assert_int_equal(roster_writer_finish(w), 0);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < w->frame_count; i++) {
        buffer_append(&text, span_make(w->frames[i]->bytes, w->frames[i]->len));
        bytes += w->frames[i]->len;
        assert_int_equal(w->frames[i]->head_at, FRAME_NO_HEAD);
        assert_int_equal(w->frames[i]->kind, i == 0 ? FRAME_OTHER : FRAME_PART);
    }
    assert_int_equal(bytes, w->bytes);
    return text;
}

static void test_lists_only_listed_items(void **state)
{
    struct fixture *f = *state;
    static const char expected[] = "<query><item jid='a@b' name='A' subscription='to'/><item jid='e@f' "
                                   "subscription='to'/></query>";
    add(f, "a@b", "A", true);
    add(f, "c@d", "C", false);
    add(f, "e@f", "", true);
    for (uint32_t positions = 1; positions < 5; positions++) {
        struct roster_writer w;
        struct roster_items items;
        roster_writer_init(&w);
        roster_items_init(&items, &f->roster);
        roster_writer_add(&w, &items.source);
        struct buffer text = written(&w, positions, 3);
        assert_int_equal(text.len, sizeof expected - 1);
        assert_memory_equal(text.ptr, expected, text.len);
        buffer_fini(&text);
        roster_writer_fini(&w);
    }
}

static void test_empty(void **state)
{
    struct fixture *f = *state;
    struct roster_writer w;
    struct roster_items items;
    roster_writer_init(&w);
    roster_items_init(&items, &f->roster);
    roster_writer_add(&w, &items.source);
    struct buffer text = written(&w, 100, 0);
    assert_true(span_is(buffer_span(&text), "<query></query>"));
    assert_int_equal(w.frame_count, 1);
    buffer_fini(&text);
    roster_writer_fini(&w);
}

/* Whole stanzas one after the other: each begins a frame, whatever its size. */
static void test_stanzas(void **state)
{
    (void)state;
    struct roster_writer w;
    roster_writer_init(&w);
    roster_writer_append(&w, SPAN("<iq id='1'/>"));
    roster_writer_stanza_ends(&w);
    roster_writer_stanza_ends(&w);
    roster_writer_append(&w, SPAN("<iq id='2'>"));
    roster_writer_append(&w, SPAN("</iq>"));
    roster_writer_stanza_ends(&w);
    assert_int_equal(roster_writer_finish(&w), 0);
    assert_int_equal(w.frame_count, 2);
    for (uint32_t i = 0; i < w.frame_count; i++)
        assert_int_equal(w.frames[i]->kind, FRAME_OTHER);
    assert_int_equal(w.frames[1]->len, strlen("<iq id='2'></iq>"));
    roster_writer_fini(&w);
}

struct counted {
    struct roster_source source;
    uint32_t left;
};

static uint32_t counted_write(struct roster_source *s, struct buffer *out, uint32_t positions)
{
    struct counted *c = container_of(s, struct counted, source);
    uint32_t count = positions < c->left ? positions : c->left;
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(out, "<i n='%u'/>", c->left--);
    return count;
}

/* Several sources, one after the other, and frames of about the right size whatever the steps. */
static void test_sources_and_frames(void **state)
{
    static const uint32_t steps[] = {1, 7, 32, 1000, UINT32_MAX};
    (void)state;
    struct buffer first = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct roster_writer w;
        struct counted a = {{.write = counted_write}, 5000}, b = {{.write = counted_write}, 0},
                       c = {{.write = counted_write}, 3000};
        roster_writer_init(&w);
        roster_writer_add(&w, &a.source);
        roster_writer_add(&w, &b.source);
        roster_writer_add(&w, &c.source);
        struct buffer text = written(&w, steps[i], 8000);
        for (uint32_t n = 0; n + 1 < w.frame_count; n++)
            assert_in_range(w.frames[n]->len, ROSTER_FRAME_BYTES, ROSTER_FRAME_BYTES + 1000);
        assert_in_range(w.frame_count, 5, 7);
        roster_writer_fini(&w);
        if (i == 0) {
            first = text;
            continue;
        }
        assert_int_equal(text.len, first.len);
        assert_memory_equal(text.ptr, first.ptr, text.len);
        buffer_fini(&text);
    }
    buffer_fini(&first);
}

/* What goes blank while the roster is held stays where it is, and goes with the last hold. */
static void test_hold(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        char jid[16];
        snprintf(jid, sizeof jid, "u%d@b", i);
        add(f, jid, "", true);
    }
    roster_hold(&f->roster);
    roster_hold(&f->roster);
    for (int i = 0; i < 40; i += 3) {
        struct roster_item *item = &f->roster.items[i];
        item->state = SUBSCRIPTION_NONE;
        item->is_listed = false;
        roster_drop_blank(&f->roster, item, &f->entities);
        assert_ptr_equal(item, &f->roster.items[i]);
    }
    roster_release(&f->roster, &f->entities);
    assert_int_equal(f->roster.count, 40);
    roster_release(&f->roster, &f->entities);
    assert_int_equal(f->roster.count, 26);
    for (uint32_t i = 0; i < f->roster.count; i++)
        assert_ptr_equal(roster_find(&f->roster, f->roster.items[i].contact), &f->roster.items[i]);
    f->roster.items[0].state = SUBSCRIPTION_NONE;
    f->roster.items[0].is_listed = false;
    roster_drop_blank(&f->roster, &f->roster.items[0], &f->entities); /* not held: at once */
    assert_int_equal(f->roster.count, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists_only_listed_items, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sources_and_frames, setup, teardown),
        cmocka_unit_test(test_stanzas),
        cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
