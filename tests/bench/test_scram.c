/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM: the examples of RFC 5802 section 5 and RFC 7677 section 3, the kept keys, and servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scram.h"

struct example {
    enum scram_hash hash;
    const char *nonce, *first, *server_first, *final, *server_final;
};

static const struct example examples[] = {
    {SCRAM_SHA_1, "fyko+d2lbbFgONRv9qkxdawL", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {SCRAM_SHA_256, "rOprNGfwEbeRWgbNEkqO", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
     "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static void exchange(const struct example *e, struct scram_keys *keys)
{
    struct scram s;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(scram_init(&s, e->hash, "pencil", keys, e->nonce), 0);
    assert_int_equal(scram_first(&s, "user", &out), 0);
    assert_true(span_equal(buffer_span(&out), span_of(e->first)));
    buffer_clear(&out);
    assert_int_equal(scram_final(&s, span_of(e->server_first), &out), 0);
    assert_true(span_equal(buffer_span(&out), span_of(e->final)));
    assert_int_equal(scram_verify(&s, span_of(e->server_final)), 0);
    assert_int_equal(scram_verify(&s, SPAN("v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=")), SCRAM_REFUSED);
    assert_int_equal(scram_verify(&s, SPAN("e=other-error")), SCRAM_REFUSED);
    assert_int_equal(scram_verify(&s, SPAN("")), SCRAM_REFUSED);
    buffer_fini(&out);
    scram_fini(&s);
}

/* Both hashes with the same kept keys in turn: they must be made anew each time, and used again when they
 * fit. */
static void test_examples(void **state)
{
    (void)state;
    struct scram_keys keys = {0};
    for (int turn = 0; turn < 4; turn++)
        exchange(&examples[turn % 2], &keys);
    exchange(&examples[1], &keys);
    keys.client_key[0] ^= 1; /* visible only if they are really used again */
    struct scram s;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(scram_init(&s, SCRAM_SHA_256, "pencil", &keys, examples[1].nonce), 0);
    assert_int_equal(scram_first(&s, "user", &out), 0);
    buffer_clear(&out);
    assert_int_equal(scram_final(&s, span_of(examples[1].server_first), &out), 0);
    assert_false(span_equal(buffer_span(&out), span_of(examples[1].final)));
    buffer_fini(&out);
    scram_fini(&s);
}

static void test_bad_servers(void **state)
{
    (void)state;
    static const char *const firsts[] = {
        "",
        "r=nonceX",
        "r=nonceX,s=QSXCR+Q6sek8bf92",
        "s=QSXCR+Q6sek8bf92,i=4096",
        "r=nonce,s=QSXCR+Q6sek8bf92,i=4096",        /* adds nothing to our nonce */
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",        /* not our nonce */
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=0",          /* no iterations */
        "r=nonceX,s=QSXCR+Q6sek8bf92,i=2000000000", /* would take an hour */
        "r=nonceX,s=***,i=4096",
        "r=nonceX,s=,i=4096",
        "m=x,r=nonceX",
        ",,,",
        "r",
        "r=",
    };
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct scram s;
        struct scram_keys keys = {0};
        struct buffer out;
        buffer_init(&out);
        assert_int_equal(scram_init(&s, SCRAM_SHA_1, "pencil", &keys, "nonce"), 0);
        assert_int_equal(scram_first(&s, "user", &out), 0);
        if (scram_final(&s, span_of(firsts[i]), &out) != SCRAM_REFUSED)
            fail_msg("accepted: %s", firsts[i]);
        buffer_fini(&out);
        scram_fini(&s);
    }
}

static void test_user_is_escaped_and_nonces_differ(void **state)
{
    (void)state;
    struct scram a, b;
    struct scram_keys keys = {0};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(scram_init(&a, SCRAM_SHA_1, "", &keys, NULL), 0);
    assert_int_equal(scram_init(&b, SCRAM_SHA_1, "", &keys, NULL), 0);
    assert_string_not_equal(a.nonce, b.nonce);
    assert_int_equal(scram_first(&a, "a=b,c", &out), 0);
    assert_true(span_starts(buffer_span(&out), SPAN("n,,n=a=3Db=2Cc,r=")));
    buffer_fini(&out);
    scram_fini(&a);
    scram_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_bad_servers),
        cmocka_unit_test(test_user_is_escaped_and_nonces_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
