/* SPDX-License-Identifier: Apache-2.0 */
/* Account, roster and key files: what is read, what is refused, and keys that survive being written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys.h"

static char folder[] = "/tmp/muster-bench-test-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void file_write(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void load_three(struct accounts *a)
{
    file_write("a@d\tpa\n# comment\n\nb@d\tp b\r\nc@d\t\n");
    assert_int_equal(accounts_load(a, path), 0);
}

static void test_accounts(void **state)
{
    (void)state;
    struct accounts a;
    load_three(&a);
    assert_int_equal(a.count, 3);
    assert_string_equal(a.list[0].user, "a");
    assert_string_equal(a.list[1].password, "p b");
    assert_string_equal(a.list[2].password, "");
    assert_int_equal(accounts_find(&a, SPAN("b@d")), 1);
    assert_int_equal(accounts_find(&a, SPAN("b@d/resource")), 1);
    assert_int_equal(accounts_find(&a, SPAN("b@dd")), ACCOUNTS_UNKNOWN);
    assert_int_equal(accounts_find(&a, SPAN("")), ACCOUNTS_UNKNOWN);
    accounts_fini(&a);
}

static void test_bad_accounts(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "# nothing\n", "a@d pa\n", "a\tpa\n", "@d\tpa\n", "a@d\tpa\nb\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct accounts a;
        file_write(bad[i]);
        assert_true(accounts_load(&a, path) < 0);
    }
}

static void test_rosters(void **state)
{
    (void)state;
    struct accounts a;
    load_three(&a);
    file_write("a@d\tb@d\tboth\na@d\tx@d\tboth\nb@d\tc@d\tto\tName\tgroup\nc@d\tb@d\tfrom\nc@d\ta@d\tnone\n");
    assert_int_equal(accounts_load_rosters(&a, path), 0);
    assert_int_equal(a.line_count, 4);
    assert_true(a.lines[0].to && a.lines[0].from);
    assert_true(a.lines[1].to && !a.lines[1].from);
    assert_true(!a.lines[2].to && a.lines[2].from);
    assert_true(!a.lines[3].to && !a.lines[3].from);
    assert_int_equal(a.lines[1].owner, 1);
    assert_int_equal(a.lines[1].contact, 2);
    static const char *const bad[] = {"a@d\n", "a@d\tb@d\n", "a@d\tb@d\tBOTH\n", "a@d\tb@d\t\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file_write(bad[i]);
        assert_true(accounts_load_rosters(&a, path) < 0);
    }
    accounts_fini(&a);
}

static void test_keys(void **state)
{
    (void)state;
    struct accounts a, b;
    load_three(&a);
    load_three(&b);
    struct scram_keys *one = &a.list[0].keys, *two = &a.list[2].keys;
    *one = (struct scram_keys){.salt = {1, 2, 3}, .salt_len = 3, .iterations = 4096, .hash = SCRAM_SHA_1};
    *two = (struct scram_keys){.salt = {0}, .salt_len = 64, .iterations = 10000, .hash = SCRAM_SHA_256};
    memset(one->client_key, 0xfe, 20);
    memset(one->server_key, 0x01, 20);
    memset(two->client_key, 0x7f, 32);
    memset(two->server_key, 0x80, 32);
    assert_int_equal(keys_save(&a, path), 0);
    assert_int_equal(keys_load(&b, path), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_memory_equal(&a.list[i].keys, &b.list[i].keys, sizeof *one);
    /* Damage is not an error; those keys are made anew. */
    file_write("a@d\tSHA-1\t4096\n\nb@d\tSHA-256\t1\tAAAA\tAAAA\tAAAA\nnobody@d\n");
    assert_int_equal(keys_load(&b, path), 0);
    assert_int_equal(b.list[1].keys.iterations, 0);
    assert_int_equal(b.list[0].keys.iterations, 4096);
    unlink(path);
    assert_int_equal(keys_load(&b, path), 0);
    file_write("");
    accounts_fini(&a);
    accounts_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_bad_accounts),
        cmocka_unit_test(test_rosters),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
