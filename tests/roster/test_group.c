/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <cmocka.h>

#include "roster/group.h"
#include "session/entity.h"

static int64_t find(const struct group *g, const char *jid)
{
    return group_find(g, span_of(jid), entity_hash(span_of(jid)));
}

static struct group_change *apply(struct group_book *b, const char *lines)
{
    struct group_change *c = NULL;
    assert_int_equal(group_book_apply(b, span_of(lines), &c), 0);
    return c;
}

static void test_changes(void **unused)
{
    (void)unused;
    struct group_book b;
    group_book_init(&b, 2);
    struct group_change *c =
        apply(&b, "add\t1\t1\tg\tThe <Group>\t1\njoin\t1\t2\ta@x\njoin\t1\t2\tb@x\nadd\t7\t1\th\tH\t1,7\n");
    assert_int_equal(c->count, 2);
    assert_null(c->steps[0].before);
    assert_int_equal(c->steps[0].joined_count, 2);
    struct group *first = c->steps[0].now;
    assert_int_equal(first->version, 2);
    assert_int_equal(first->count, 2);
    assert_int_equal(find(first, "a@x"), 0);
    assert_int_equal(find(first, "b@x"), 1);
    assert_int_equal(find(first, "c@x"), GROUP_NOT_MEMBER);
    assert_true(group_is_seen_by(c->steps[1].now, 7));
    assert_true(group_is_seen_by(c->steps[1].now, 1));
    assert_false(group_is_seen_by(first, 7));
    group_ref(first); /* a worker that has not read on still uses it */
    group_change_free(c);

    c = apply(&b, "join\t1\t3\tc@x\nleave\t1\t4\ta@x\n");
    const struct group *now = c->steps[0].now;
    assert_ptr_equal(c->steps[0].before, first);
    assert_int_equal(now->version, 4);
    assert_int_equal(now->count, 2);
    assert_int_equal(find(now, "a@x"), GROUP_NOT_MEMBER);
    assert_int_equal(find(now, "b@x"), 0);
    assert_int_equal(find(now, "c@x"), 1);
    assert_int_equal(c->steps[0].left_count, 1);
    assert_true(span_is(group_member_jid(first, c->steps[0].left[0]), "a@x"));
    assert_true(span_is(group_member_jid(now, c->steps[0].joined[0]), "c@x"));
    assert_ptr_equal(now->interest, first->interest);
    assert_int_equal(find(first, "a@x"), 0); /* what was shared stays as it was */
    group_unref(first);
    group_change_free(c);

    c = apply(&b, "set\t1\t5\tg\tOther\t7\n");
    assert_true(span_is(c->steps[0].now->title, "Other"));
    assert_true(group_is_seen_by(c->steps[0].now, 7));
    assert_false(group_is_seen_by(c->steps[0].now, 1));
    assert_true(group_is_seen_by(c->steps[0].before, 1));
    assert_int_equal(c->steps[0].now->count, 2);
    assert_int_equal(c->steps[0].joined_count + c->steps[0].left_count, 0);
    group_change_free(c);

    c = apply(&b, "remove\t1\t0\t\n");
    assert_null(c->steps[0].now);
    assert_int_equal(c->steps[0].left_count, 2);
    assert_int_equal(b.count, 1);
    group_change_free(c);
    group_book_fini(&b);
}

static void test_bad_lines(void **unused)
{
    (void)unused;
    static const char *const lines[] = {
        "join\t9\t1\ta@x\n",                    /* no such group */
        "add\t1\t1\tg\tG\t\n",                  /* there is */
        "leave\t1\t1\tnobody@x\n",              /* no member */
        "leave\t1\t1\ta@x\nleave\t1\t1\ta@x\n", /* twice */
        "add\t2\n",
        "hop\t1\t1\ta@x\n",
        "join\tx\t1\ta@x\n",
        "add\t2\t1\tg\tG\t1,,2\n",
    };
    struct group_book b;
    struct group_change *c = NULL;
    group_book_init(&b, 1);
    group_change_free(apply(&b, "add\t1\t1\tg\tG\t1\njoin\t1\t1\ta@x\n"));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(group_book_apply(&b, span_of(lines[i]), &c), -EINVAL);
        assert_int_equal(b.count, 1);
        assert_int_equal(b.groups[0]->count, 1);
    }
    group_book_fini(&b);
}

/* Members enough for several pieces; every one is found, and every one is in exactly one piece. */
static void test_many(void **unused)
{
    (void)unused;
    const unsigned members = 3 * GROUP_CHUNK_MEMBERS + 1;
    struct buffer lines = {0};
    struct group_book b;
    char jid[32], item[96];
    group_book_init(&b, 1);
    buffer_literal(&lines, "add\t1\t1\tg\tA&B\t1\n");
    for (unsigned i = 0; i < members; i++)
        buffer_printf(&lines, "join\t1\t2\tuser%u@x\n", i);
    buffer_append_char(&lines, 0);
    struct group_change *c = apply(&b, lines.ptr);
    const struct group *g = b.groups[0];
    assert_int_equal(group_chunk_count(g), 4);
    for (unsigned i = 0; i < members; i++) {
        snprintf(jid, sizeof jid, "user%u@x", i);
        assert_int_equal(find(g, jid), i);
        for (int is_both = 0; is_both < 2; is_both++) {
            const struct frame *f = group_chunk(g, i / GROUP_CHUNK_MEMBERS, is_both);
            snprintf(item, sizeof item, "<item jid='%s' subscription='%s'><group>A&amp;B</group></item>", jid,
                     is_both ? "both" : "to");
            assert_non_null(memmem(f->bytes, f->len, item, strlen(item)));
        }
    }
    const struct frame *last = group_chunk(g, 3, true);
    assert_ptr_equal(last, group_chunk(g, 3, true)); /* made once */
    assert_int_equal(last->len,
                     strlen("<item jid='user384@x' subscription='both'><group>A&amp;B</group></item>"));
    group_change_free(c);
    group_book_fini(&b);
    buffer_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("roster/group", tests, NULL, NULL);
}
