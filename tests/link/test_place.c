/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server may redirect to (RFC 6120 s. 4.9.3.19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "link/resolve.h"

static void assert_address(const char *place, const char *address, uint16_t port)
{
    struct resolution r;
    char text[INET6_ADDRSTRLEN];
    assert_true(resolve_place(span_of(place), &r));
    assert_int_equal(r.count, 1);
    const struct target *t = &r.targets[0];
    bool is_v6 = t->address.any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&t->address.v6.sin6_addr : &t->address.v4.sin_addr;
    assert_string_equal(inet_ntop(t->address.any.sa_family, bytes, text, sizeof text), address);
    assert_int_equal(ntohs(is_v6 ? t->address.v6.sin6_port : t->address.v4.sin_port), port);
    assert_false(t->is_direct);
}

static void test_addresses(void **state)
{
    (void)state;
    assert_address("192.0.2.1", "192.0.2.1", 5269);
    assert_address("192.0.2.1:9222", "192.0.2.1", 9222);
    assert_address("[2001:db8::1]", "2001:db8::1", 5269);
    assert_address("[2001:41D0:1:A49b::1]:9222", "2001:41d0:1:a49b::1", 9222);
}

static void test_domains(void **state)
{
    struct resolution r;
    (void)state;
    assert_true(resolve_place(SPAN("Verona.Example"), &r));
    assert_string_equal(r.domain, "verona.example");
    assert_int_equal(r.port, 0);
    assert_int_equal(r.count, 0);
    assert_true(resolve_place(SPAN("verona.example:65535"), &r));
    assert_string_equal(r.domain, "verona.example");
    assert_int_equal(r.port, 65535);
}

static void test_what_is_none(void **state)
{
    static const char *const places[] = {
        "",    ":5269",     "verona.example:",     "verona.example:0", "verona.example:65536",
        "::1", "[::1",      "verona.example:+1",   "[::1]:x",          "verona.example:99999999999",
        "a b", "romeo@a.b", "verona.example/home", "[verona.example]"};
    struct resolution r;
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (resolve_place(span_of(places[i]), &r))
            fail_msg("taken: %s", places[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
