/* SPDX-License-Identifier: Apache-2.0 */
/* JIDs as text: the examples of RFC 7622 s. 3.5, the lengths, the parts, and that a mapped JID maps to
 * itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jid/jid.h"

struct jid_row {
    const char *name;
    const char *in;
    const char *full; /* NULL: no JID */
};

static const struct jid_row jid_rows[] = {
    /* RFC 7622 table 1 */
    {"example 1: bare", "juliet@example.com", "juliet@example.com"},
    {"example 2: full", "juliet@example.com/foo", "juliet@example.com/foo"},
    {"example 3: space in resource", "juliet@example.com/foo bar", "juliet@example.com/foo bar"},
    {"example 4: at in resource", "juliet@example.com/foo@bar", "juliet@example.com/foo@bar"},
    {"example 5: escaped space", "foo\\20bar@example.com", "foo\\20bar@example.com"},
    {"example 6: fussball", "fussball@example.com", "fussball@example.com"},
    {"example 7: sharp s is kept", "fu\u00DFball@example.com", "fu\u00DFball@example.com"},
    {"example 8: pi", "\u03C0@example.com", "\u03C0@example.com"},
    {"example 9: capital sigma", "\u03A3@example.com/foo", "\u03C3@example.com/foo"},
    {"example 10: small sigma", "\u03C3@example.com/foo", "\u03C3@example.com/foo"},
    {"example 11: final sigma", "\u03C2@example.com/foo", "\u03C2@example.com/foo"},
    {"example 12: chess king in resource", "king@example.com/\u265A", "king@example.com/\u265A"},
    {"example 13: domain", "example.com", "example.com"},
    {"example 14: domain and resource", "example.com/foobar", "example.com/foobar"},
    {"example 15: the slash comes first", "a.example.com/b@example.net", "a.example.com/b@example.net"},
    /* RFC 7622 table 2 */
    {"example 16: quotation marks", "\"juliet\"@example.com", NULL},
    {"example 17: space in local", "foo bar@example.com", NULL},
    {"example 18: leading space in resource", "juliet@example.com/ foo", NULL},
    {"example 19: empty local and resource", "@example.com/", NULL},
    {"example 20: roman numeral four", "henry\u2163@example.com", NULL},
    {"example 21: chess king in local", "\u265A@example.com", NULL},
    {"example 22: local only", "juliet@", NULL},
    {"example 23: resource only", "/foobar", NULL},
    /* Separators and empty parts */
    {"nothing", "", NULL},
    {"at only", "@", NULL},
    {"slash only", "/", NULL},
    {"empty local", "@example.com", NULL},
    {"empty resource", "example.com/", NULL},
    {"empty resource of a full one", "a@example.com/", NULL},
    {"two ats", "a@b@example.com", NULL},
    {"at behind domain", "a@example.com@", NULL},
    {"slashes in resource", "a@example.com//b/c", "a@example.com//b/c"},
    {"full-width at is no separator", "a\uFF20example.com", NULL},
    /* Local part */
    {"lower case", "JulieT@Example.COM/BalConY", "juliet@example.com/BalConY"},
    {"all other signs", "!#$%()*+,-.;=?[\\]^_`{|}~@x", "!#$%()*+,-.;=?[\\]^_`{|}~@x"},
    {"ampersand", "a&b@x", NULL},
    {"apostrophe", "a'b@x", NULL},
    {"colon", "a:b@x", NULL},
    {"less-than", "a<b@x", NULL},
    {"greater-than", "a>b@x", NULL},
    {"control", "a\x01@x", NULL},
    {"delete", "a\x7F@x", NULL},
    {"not UTF-8", "a\xC3@x", NULL},
    {"overlong", "\xC0\xAF@x", NULL},
    {"surrogate", "\xED\xA0\x80@x", NULL},
    /* Domain part */
    {"trailing dot", "a@example.com.", "a@example.com"},
    {"trailing dot and resource", "example.com./r", "example.com/r"},
    {"two trailing dots", "example.com..", NULL},
    {"dot only", ".", NULL},
    {"empty label", "example..com", NULL},
    {"leading dot", ".example.com", NULL},
    {"underscore", "a_b.example.com", NULL},
    {"space", "exa mple.com", NULL},
    {"leading hyphen", "-a.example.com", NULL},
    {"trailing hyphen", "a-.example.com", NULL},
    {"inner hyphens", "a--b.example.com", "a--b.example.com"},
    {"one label", "localhost", "localhost"},
    {"port", "example.com:5222", NULL},
    {"IPv4", "a@192.0.2.1", "a@192.0.2.1"},
    {"IPv6", "a@[2001:DB8::1]/r", "a@[2001:db8::1]/r"},
    {"IPv6 with IPv4", "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"},
    {"IPv6 with zone", "[FE80::1%25Eth0]", "[fe80::1%25Eth0]"},
    {"IPv6 with empty zone", "[fe80::1%25]", NULL},
    {"IPv6 with raw zone", "[fe80::1%eth0]", NULL},
    {"IPv6 without brackets", "2001:db8::1", NULL},
    {"IPv6 unclosed", "[2001:db8::1", NULL},
    {"IPv6 with tail", "[2001:db8::1]x", NULL},
    {"IPv6 with dot", "[2001:db8::1].", NULL},
    {"IPv6 bad", "[2001:db8:::1]", NULL},
    {"brackets only", "[]", NULL},
    {"one bracket", "[", NULL},
    {"A-label", "XN--Mnchen-3YA.example", "xn--mnchen-3ya.example"},
    {"U-label", "M\u00DCNCHEN.example", "m\u00FCnchen.example"},
    /* Resource */
    {"trailing space in resource", "x/foo ", "x/foo "},
    {"control in resource", "x/a\nb", NULL},
    {"markup in resource", "x/<&\"'>", "x/<&\"'>"},
};

static void check_again(const char *name, const struct jid *j)
{
    char storage[JID_BYTES_MAX];
    struct jid again;

    if (jid_parse(jid_full(j), storage, &again) != 0 || !span_equal(jid_full(j), jid_full(&again)))
        fail_msg("%s: does not map to itself", name);

    struct jid cut = jid_of_prepared(jid_full(j));
    if (cut.local_len != j->local_len || cut.domain_len != j->domain_len ||
        cut.resource_len != j->resource_len)
        fail_msg("%s: cut otherwise when taken as prepared", name);
}

static void test_jids(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(jid_rows) / sizeof(jid_rows[0]); i++) {
        const struct jid_row *row = &jid_rows[i];
        char storage[JID_BYTES_MAX];
        struct jid j;
        int rc = jid_parse(span_of(row->in), storage, &j);

        if (!row->full) {
            if (rc != JID_BAD)
                fail_msg("%s: taken", row->name);
            continue;
        }
        if (rc != 0 || !span_equal(jid_full(&j), span_of(row->full)))
            fail_msg("%s: %s", row->name, rc == 0 ? "mapped to something else" : "refused");
        check_again(row->name, &j);
    }
}

static void test_parts(void **state)
{
    char storage[JID_BYTES_MAX];
    struct jid j;

    (void)state;
    assert_int_equal(jid_parse(SPAN("Romeo@Montague.example/Orchard/1@2"), storage, &j), 0);
    assert_true(span_is(jid_local(&j), "romeo"));
    assert_true(span_is(jid_domain(&j), "montague.example"));
    assert_true(span_is(jid_resource(&j), "Orchard/1@2"));
    assert_true(span_is(jid_bare(&j), "romeo@montague.example"));
    assert_int_equal(jid_parse(SPAN("montague.example"), storage, &j), 0);
    assert_int_equal(jid_local(&j).len, 0);
    assert_int_equal(jid_resource(&j).len, 0);
    assert_true(span_is(jid_full(&j), "montague.example"));
}

/* A NUL cannot be had from span_of. */
static void test_nul(void **state)
{
    char storage[JID_BYTES_MAX];
    struct jid j;

    (void)state;
    assert_int_equal(jid_parse(SPAN("a\0b@x"), storage, &j), JID_BAD);
    assert_int_equal(jid_parse(SPAN("a@x\0y"), storage, &j), JID_BAD);
    assert_int_equal(jid_parse(SPAN("a@x/\0"), storage, &j), JID_BAD);
    assert_int_equal(jid_parse(SPAN("[::1\0]"), storage, &j), JID_BAD);
    assert_int_equal(jid_parse(SPAN("[::1%25\0]"), storage, &j), JID_BAD);
    assert_int_equal(jid_parse((struct span){0}, storage, &j), JID_BAD);
}

struct length_row {
    const char *name;
    size_t local, domain, resource;
    const char *unit; /* what the local part and the resource are filled with */
    int rc;
};

static const struct length_row length_rows[] = {
    {"all at their longest", 1023, 1023, 1023, "a", 0},
    {"local too long", 1024, 10, 10, "a", JID_BAD},
    {"domain too long", 10, 1024, 10, "a", JID_BAD},
    {"resource too long", 10, 10, 1024, "a", JID_BAD},
    {"two octets each, at their longest", 1022, 10, 1022, "\u00E9", 0},
    {"two octets each, local too long", 1024, 10, 2, "\u00E9", JID_BAD},
    {"two octets each, resource too long", 2, 10, 1024, "\u00E9", JID_BAD},
    {"resource far too long", 2, 10, 8000, "\u00E9", JID_BAD},
};

static void test_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(length_rows) / sizeof(length_rows[0]); i++) {
        const struct length_row *row = &length_rows[i];
        char in[16384], storage[JID_BYTES_MAX];
        size_t len = 0, unit = strlen(row->unit);
        struct jid j;

        for (size_t k = 0; k < row->local; k += unit, len += unit)
            memcpy(in + len, row->unit, unit);
        in[len++] = '@';
        for (size_t k = 0; k < row->domain; k++) /* labels of 49 */
            in[len++] = k % 50 == 49 ? '.' : 'd';
        in[len++] = '/';
        for (size_t k = 0; k < row->resource; k += unit, len += unit)
            memcpy(in + len, row->unit, unit);

        int rc = jid_parse(span_make(in, len), storage, &j);
        if (rc != row->rc)
            fail_msg("%s: %d", row->name, rc);
        if (rc == 0) {
            assert_int_equal(j.local_len, row->local);
            assert_int_equal(j.domain_len, row->domain);
            assert_int_equal(j.resource_len, row->resource);
            check_again(row->name, &j);
        }
    }
}

/* The length counts after mapping: 1,023 full-width letters are 3,069 octets and become 1,023. */
static void test_length_after_mapping(void **state)
{
    char in[4096], storage[JID_PART_BYTES_MAX];
    struct span part;

    (void)state;
    for (size_t i = 0; i < 1024; i++)
        memcpy(in + 3 * i, "\uFF21", 3);
    assert_int_equal(jid_prepare_local(span_make(in, 3 * 1023), storage, &part), 0);
    assert_int_equal(part.len, 1023);
    assert_int_equal(part.ptr[0], 'a');
    assert_int_equal(jid_prepare_local(span_make(in, 3 * 1024), storage, &part), JID_BAD);
}

static void test_labels(void **state)
{
    char label[80], storage[JID_PART_BYTES_MAX];
    struct span part;

    (void)state;
    memset(label, 'a', sizeof(label));
    assert_int_equal(jid_prepare_domain(span_make(label, 63), storage, &part), 0);
    assert_int_equal(jid_prepare_domain(span_make(label, 64), storage, &part), JID_BAD);
}

static void test_password(void **state)
{
    char storage[64];
    struct span p;

    (void)state;
    assert_int_equal(jid_prepare_password(SPAN(" Pencil/@\u00E9 "), storage, sizeof(storage), &p), 0);
    assert_true(span_is(p, " Pencil/@\u00E9 "));
    assert_int_equal(jid_prepare_password(SPAN("a\u00A0b\u3000c"), storage, sizeof(storage), &p), 0);
    assert_true(span_is(p, "a b c"));
    assert_int_equal(jid_prepare_password(SPAN("e\u0301"), storage, sizeof(storage), &p), 0);
    assert_true(span_is(p, "\u00E9"));
    assert_int_equal(jid_prepare_password(SPAN(""), storage, sizeof(storage), &p), JID_BAD);
    assert_int_equal(jid_prepare_password(SPAN("a\tb"), storage, sizeof(storage), &p), JID_BAD);
    assert_int_equal(jid_prepare_password(SPAN("a\xFF"), storage, sizeof(storage), &p), JID_BAD);
    assert_int_equal(jid_prepare_password(SPAN("12345678"), storage, 8, &p), 0);
    assert_int_equal(jid_prepare_password(SPAN("123456789"), storage, 8, &p), JID_BAD);
    assert_int_equal(jid_prepare_password(SPAN("1234567\u00E9"), storage, 8, &p), JID_BAD);
}

/* The part functions and jid_parse go by the same rules. */
static void test_prepare_parts(void **state)
{
    char storage[JID_PART_BYTES_MAX];
    struct span part;

    (void)state;
    assert_int_equal(jid_prepare_local(SPAN("RoMeo"), storage, &part), 0);
    assert_true(span_is(part, "romeo"));
    assert_int_equal(jid_prepare_local(SPAN("a@b"), storage, &part), JID_BAD);
    assert_int_equal(jid_prepare_local(SPAN(""), storage, &part), JID_BAD);
    assert_int_equal(jid_prepare_domain(SPAN("Example.COM."), storage, &part), 0);
    assert_true(span_is(part, "example.com"));
    assert_int_equal(jid_prepare_domain(SPAN(""), storage, &part), JID_BAD);
    assert_int_equal(jid_prepare_resource(SPAN("Orchard /@"), storage, &part), 0);
    assert_true(span_is(part, "Orchard /@"));
    assert_int_equal(jid_prepare_resource(SPAN(" x"), storage, &part), JID_BAD);
    assert_int_equal(jid_prepare_resource(SPAN("\u3000x"), storage, &part), JID_BAD);
    assert_int_equal(jid_prepare_resource(SPAN(""), storage, &part), JID_BAD);
}

/* Every row at every prefix, its end at an unreadable page: nothing is read beyond, and what comes out is
 * stable. */
static void test_prefixes_at_guard_page(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < sizeof(jid_rows) / sizeof(jid_rows[0]); i++) {
        size_t whole = strlen(jid_rows[i].in);
        for (size_t len = 0; len <= whole; len++) {
            char storage[JID_BYTES_MAX];
            struct jid j;
            char *at = room + page - len;

            memcpy(at, jid_rows[i].in, len);
            if (jid_parse(span_make(at, len), storage, &j) == 0)
                check_again(jid_rows[i].name, &j);
        }
    }
    munmap(room, 2 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jids),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_length_after_mapping),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_prepare_parts),
        cmocka_unit_test(test_prefixes_at_guard_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
