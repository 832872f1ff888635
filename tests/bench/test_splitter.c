/* SPDX-License-Identifier: Apache-2.0 */
/* The splitter: whole, cut at every byte, byte by byte, at every prefix, always against an unreadable page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "splitter.h"

#define HEADER "<?xml version='1.0'?><stream:stream from=\"localhost\" xmlns='jabber:client' id='a>b'>"

struct row {
    const char *name;
    const char *text;
    const char *items; /* kind and length of each: "O85 S12 C16"; '!' at the end: bad */
};

static const struct row rows[] = {
    {"header alone", "<stream>", "O8"},
    {"declaration is not part of the header", "<?xml version='1.0' ?\?>\n<s>", "O3"},
    {"declaration with '>' inside", "<?xml version='1>0'?><s>", "O3"},
    {"'>' in double quotes", "<s><a b=\">'/>\"/>", "O3 S13"},
    {"'>' in single quotes", "<s><a b='>\"/>'/>", "O3 S13"},
    {"nested", "<s><a><b><c/></b></a><d></d></s>", "O3 S18 S7 C4"},
    {"white space between", "<s> \r\n\t<a/> \n<b/> ", "O3 S4 S4"},
    {"white space in tags", "<s ><a \n/></s >", "O4 S6 C5"},
    {"text that looks like the end of a tag", "<s><a>1 > 2 /> ' \" </a>", "O3 S20"},
    {"cdata hides tags", "<s><a><![CDATA[</a>]] >]></a>]]></a><b/>", "O3 S33 S4"},
    {"cdata that ends in brackets", "<s><a><![CDATA[x]]]></a>", "O3 S21"},
    {"slash in an attribute", "<s><a b='http://x/'>t</a>", "O3 S22"},
    {"stream ends", HEADER "<a/></stream:stream>", "O63 S4 C16"},
    {"text between stanzas", "<s>x<a/>", "O3!"},
    {"text before the header", "x<s>", "!"},
    {"comment", "<s><a><!-- x --></a>", "O3!"},
    {"doctype", "<!DOCTYPE s><s>", "!"},
    {"instruction in a stanza", "<s><a><?x?></a>", "O3!"},
    {"'<' in a tag", "<s><a <b/>", "O3!"},
    {"slash in the middle of a tag", "<s><a / b='1'>", "O3!"},
    {"end before the header", "</s>", "!"},
    {"empty header", "<s/>", "!"},
    {"empty tag", "<s><>", "O3!"},
    {"after the end nothing but a new header", "<s></s><s>", "O3 C4 O3"},
};

/* Readable bytes up to here, an unreadable page behind. */
static char *fence;
#define ROOM 4096

static int set_up(void **state)
{
    (void)state;
    char *pages = mmap(NULL, ROOM * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + ROOM, ROOM, PROT_NONE) != 0)
        return -1;
    fence = pages + ROOM;
    return 0;
}

/* Feed text[from..to) placed against the fence and write what comes. False once it is bad. */
static bool feed(struct splitter *s, const char *text, size_t from, size_t to, char *out, size_t size)
{
    enum splitter_kind kind;
    struct span item;
    char *copy = fence - (to - from);
    memcpy(copy, text + from, to - from);
    assert_int_equal(splitter_feed(s, span_make(copy, to - from)), 0);
    for (;;) {
        int outcome = splitter_next(s, &kind, &item);
        size_t used = strlen(out);
        if (outcome == SPLITTER_MORE)
            return true;
        if (outcome == SPLITTER_BAD) {
            snprintf(out + used, size - used, "!");
            assert_int_equal(splitter_next(s, &kind, &item), SPLITTER_BAD);
            return false;
        }
        assert_int_equal(outcome, 0);
        assert_non_null(memmem(text, to, item.ptr, item.len));
        assert_int_equal(item.ptr[0], '<');
        assert_int_equal(item.ptr[item.len - 1], '>');
        snprintf(out + used, size - used, "%s%c%zu", used ? " " : "", "OSC"[kind], item.len);
    }
}

/* What comes when `text` is fed in pieces that end at the cuts (ascending, the last is the length). */
static void run(const char *text, const size_t *cuts, size_t count, char *out, size_t size)
{
    struct splitter s;
    size_t from = 0;
    splitter_init(&s);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!feed(&s, text, from, cuts[i], out, size))
            break;
        from = cuts[i];
    }
    splitter_fini(&s);
}

static void test_every_split(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const struct row *row = &rows[r];
        size_t len = strlen(row->text);
        char out[256];
        for (size_t i = 0; i <= len; i++) {
            for (size_t j = i; j <= len; j++) {
                run(row->text, (size_t[]){i, j, len}, 3, out, sizeof out);
                if (strcmp(out, row->items) != 0)
                    fail_msg("%s, cut at %zu and %zu: %s instead of %s", row->name, i, j, out, row->items);
            }
        }
        size_t cuts[256];
        for (size_t i = 0; i < len; i++)
            cuts[i] = i + 1;
        run(row->text, cuts, len, out, sizeof out);
        assert_string_equal(out, row->items);
    }
}

/* A prefix gives a prefix of the items, and no byte behind it is touched. */
static void test_every_prefix(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t len = 0; len <= strlen(rows[r].text); len++) {
            char out[256];
            run(rows[r].text, &len, 1, out, sizeof out);
            assert_memory_equal(out, rows[r].items, strlen(out));
        }
    }
}

static void test_idle_holds_no_memory(void **state)
{
    (void)state;
    struct splitter s;
    char out[64] = "";
    splitter_init(&s);
    assert_true(feed(&s, "<s><a></a> ", 0, 6, out, sizeof out));
    assert_true(s.carry.cap > 0);
    assert_true(feed(&s, "<s><a></a> ", 6, 11, out, sizeof out));
    assert_int_equal(s.carry.cap, 0);
    splitter_fini(&s);
}

static void test_reset_expects_a_header(void **state)
{
    (void)state;
    struct splitter s;
    char out[64] = "";
    splitter_init(&s);
    assert_true(feed(&s, "<s><a/><b", 0, 9, out, sizeof out));
    splitter_reset(&s);
    out[0] = '\0';
    assert_true(feed(&s, "<s><c/>", 0, 7, out, sizeof out));
    assert_string_equal(out, "O3 S4");
    splitter_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_idle_holds_no_memory),
        cmocka_unit_test(test_reset_expects_a_header),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
