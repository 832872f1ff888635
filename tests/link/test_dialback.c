/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/dialback.h"

/* The values of XEP-0185 s. 3. */
#define KEY "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"
#define RECEIVING SPAN("xmpp.example.com")
#define ORIGINATING SPAN("example.org")
#define ID SPAN("D60000229F")

static void secret_make(char *secret)
{
    assert_int_equal(dialback_secret(SPAN("s3cr3tf0rd14lb4ck"), secret), 0);
    assert_string_equal(secret, "a7136eb1f46c9ef18c5e78c36ca257067c69b3d518285f0b18a96c33beae9acc");
}

static void test_key(void **state)
{
    char secret[DIALBACK_SECRET_BYTES + 1], key[DIALBACK_KEY_BYTES + 1];
    (void)state;
    secret_make(secret);
    assert_int_equal(dialback_key(secret, RECEIVING, ORIGINATING, ID, key), 0);
    assert_string_equal(key, KEY);
}

static void test_is(void **state)
{
    char secret[DIALBACK_SECRET_BYTES + 1], wrong[] = KEY;
    (void)state;
    secret_make(secret);
    assert_true(dialback_key_is(secret, RECEIVING, ORIGINATING, ID, SPAN(KEY)));
    assert_false(dialback_key_is(secret, ORIGINATING, RECEIVING, ID, SPAN(KEY)));
    assert_false(dialback_key_is(secret, RECEIVING, ORIGINATING, SPAN("D60000229E"), SPAN(KEY)));
    for (size_t i = 0; i < DIALBACK_KEY_BYTES; i++) {
        wrong[i] ^= 1;
        assert_false(dialback_key_is(secret, RECEIVING, ORIGINATING, ID, span_of(wrong)));
        wrong[i] ^= 1;
        assert_false(dialback_key_is(secret, RECEIVING, ORIGINATING, ID, span_make(KEY, i)));
    }
    assert_false(dialback_key_is(secret, RECEIVING, ORIGINATING, ID, SPAN(KEY "0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_key), cmocka_unit_test(test_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
