/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "link/resolve.h"

static uint32_t draw_next(void *context)
{
    uint32_t **next = context;
    return *(*next)++;
}

/* Order `records` with these draws; the targets as one text. */
static void order(struct service_record *records, uint32_t count, uint32_t *draws, char *text)
{
    service_records_order(records, count, draw_next, &draws);
    *text = '\0';
    for (uint32_t i = 0; i < count; i++)
        strcat(text, records[i].target);
}

static void test_priority(void **state)
{
    char text[16];
    (void)state;
    struct service_record records[] = {
        {.priority = 30, .target = "c"}, {.priority = 10, .target = "a"}, {.priority = 20, .target = "b"}};
    order(records, 3, (uint32_t[]){7, 7, 7}, text);
    assert_string_equal(text, "abc");
}

/* Of one priority each comes first by its share. */
static void test_weight(void **state)
{
    uint32_t first[3] = {0};
    (void)state;
    for (uint32_t draw = 0; draw < 100; draw++) {
        char text[16];
        struct service_record records[] = {{.priority = 1, .weight = 10, .target = "a"},
                                           {.priority = 1, .weight = 0, .target = "b"},
                                           {.priority = 1, .weight = 90, .target = "c"}};
        order(records, 3, (uint32_t[]){draw, 0, 0}, text);
        first[text[0] - 'a']++;
    }
    assert_int_equal(first[0], 10);
    assert_int_equal(first[1], 0);
    assert_int_equal(first[2], 90);
}

static void test_no_weight(void **state)
{
    uint32_t first[2] = {0};
    (void)state;
    for (uint32_t draw = 0; draw < 10; draw++) {
        char text[16];
        struct service_record records[] = {{.priority = 1, .target = "a"}, {.priority = 1, .target = "b"}};
        order(records, 2, (uint32_t[]){draw, 0}, text);
        first[text[0] - 'a']++;
    }
    assert_int_equal(first[0], 5);
    assert_int_equal(first[1], 5);
}

static void test_host(void **state)
{
    struct resolution r = {.count = 0};
    (void)state;
    assert_false(resolve_host(SPAN("example.org=127.0.0.1:5269"), SPAN("example.com"), &r));
    assert_false(resolve_host(SPAN("example.org=127.0.0.1:5269"), SPAN("example"), &r));
    assert_true(resolve_host(SPAN("example.org=127.0.0.1:5270"), SPAN("example.org"), &r));
    assert_int_equal(r.count, 1);
    assert_int_equal(r.targets[0].address.v4.sin_family, AF_INET);
    assert_int_equal(ntohs(r.targets[0].address.v4.sin_port), 5270);
    assert_int_equal(ntohl(r.targets[0].address.v4.sin_addr.s_addr), 0x7f000001);
    assert_true(resolve_host(SPAN("example.org=[::1]:5269"), SPAN("example.org"), &r));
    assert_int_equal(r.count, 1);
    assert_int_equal(r.targets[0].address.v6.sin6_family, AF_INET6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_priority), cmocka_unit_test(test_weight),
                                       cmocka_unit_test(test_no_weight), cmocka_unit_test(test_host)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
