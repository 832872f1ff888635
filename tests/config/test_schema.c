/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"
#include "config/value.h"

static void test_rows_are_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        struct buffer why = {0};
        union {
            struct config whole;
            struct config_listener listener;
            struct config_group group;
        } base;
        memset(&base, 0, sizeof base);
        if (row->default_text && !config_value_set(row, &base, span_of(row->default_text), &why))
            fail_msg("%s: the default is not allowed: %.*s", row->path, (int)why.len, why.ptr);
        if (row->default_text && row->type == CONFIG_ADDRESS)
            free(*(char **)((char *)&base + row->offset));
        buffer_fini(&why);
        /* the manual says one of: required, the default, what happens without it */
        assert_int_equal((row->is_required ? 1 : 0) + (row->default_text ? 1 : 0) + (row->without ? 1 : 0),
                         1);
        assert_true(row->reason && strlen(row->reason) > 20);
        assert_true(!config_row_is_in_list(row) || row->reload == CONFIG_NEEDS_RESTART); /* as their lists */
        assert_int_equal(row->type == CONFIG_CHOICE || row->type == CONFIG_VISIBILITY ||
                             row->type == CONFIG_MODES,
                         row->names != NULL);
        if (row->type == CONFIG_NUMBER || row->type == CONFIG_NUMBER_AUTO || row->type == CONFIG_PORT)
            assert_true(row->min < row->max);
    }
}

/* Two rows with one variable could not be told apart. */
static void test_environment_names_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < config_row_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            struct buffer a = {0}, b = {0};
            config_environment_name(&config_rows[i], &a);
            config_environment_name(&config_rows[j], &b);
            assert_false(span_equal(buffer_span(&a), buffer_span(&b)));
            buffer_fini(&a);
            buffer_fini(&b);
        }
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *path, *nearest;
    } rows[] = {
        {"domain", "domains"},
        {"Workers", "workers"},
        {"limits.stanzabytes", "limits.stanza_bytes"},
        {"limits.iterations", "sasl.iterations"},
        {"offlode", "offload"},
        {"tls.cert", NULL},
        {"x", NULL},
        {"loglevel", "log_level"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span nearest = config_nearest(span_of(rows[i].path));
        if (!span_equal(nearest, span_of(rows[i].nearest)))
            fail_msg("%s: %.*s", rows[i].path, (int)nearest.len, nearest.len ? nearest.ptr : "");
    }
}

static void test_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool is_loopback;
    } rows[] = {
        {"127.0.0.1", true},        {"127.255.1.2", true}, {"::1", true},      {"::ffff:127.0.0.1", true},
        {"::ffff:10.0.0.1", false}, {"128.0.0.1", false},  {"0.0.0.0", false}, {"::", false},
        {"localhost", false},       {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (config_address_is_loopback(rows[i].address) != rows[i].is_loopback)
            fail_msg("%s", rows[i].address);
}

/* docs/configuration.md is the reference as the table has it now: run `config_reference >
 * docs/configuration.md`. */
static void test_manual_is_up_to_date(void **state)
{
    (void)state;
    const char *path = getenv("MUSTER_TEST_MANUAL");
    if (!path)
        skip();
    struct buffer expected = {0}, found = {0};
    char chunk[4096];
    size_t len;
    config_reference_write(&expected);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
        buffer_append(&found, span_make(chunk, len));
    fclose(file);
    if (!span_equal(buffer_span(&expected), buffer_span(&found)))
        fail_msg("%s differs from what config_reference writes", path);
    buffer_fini(&expected);
    buffer_fini(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_environment_names_differ),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_manual_is_up_to_date),
    };
    return cmocka_run_group_tests_name("config/schema", tests, NULL, NULL);
}
