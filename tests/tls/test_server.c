/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tls/server.h"

static bool is_for(enum tls_name_kind kind, const char *name, const char *domain)
{
    struct span names[] = {SPAN("other.example"), span_of(name)};
    struct tls_server *s = tls_server_new((enum tls_name_kind[]){TLS_NAME_DNS, kind}, names, 2);
    assert_non_null(s);
    bool is = tls_server_is_for(s, span_of(domain));
    free(s);
    return is;
}

static void test_dns(void **state)
{
    (void)state;
    assert_true(is_for(TLS_NAME_DNS, "example.org", "example.org"));
    assert_true(is_for(TLS_NAME_DNS, "Example.ORG", "example.org"));
    assert_true(is_for(TLS_NAME_DNS, "unrelated.example", "other.example"));
    assert_false(is_for(TLS_NAME_DNS, "example.org", "xmpp.example.org"));
    assert_false(is_for(TLS_NAME_DNS, "xmpp.example.org", "example.org"));
    assert_false(is_for(TLS_NAME_DNS, "example.org.", "example.org"));
}

/* RFC 6125 s. 6.4.3 */
static void test_wildcard(void **state)
{
    (void)state;
    assert_true(is_for(TLS_NAME_DNS, "*.example.org", "xmpp.example.org"));
    assert_true(is_for(TLS_NAME_DNS, "*.EXAMPLE.org", "xmpp.example.org"));
    assert_false(is_for(TLS_NAME_DNS, "*.example.org", "example.org"));
    assert_false(is_for(TLS_NAME_DNS, "*.example.org", "a.b.example.org"));
    assert_false(is_for(TLS_NAME_DNS, "x*.example.org", "xmpp.example.org"));
    assert_false(is_for(TLS_NAME_DNS, "xmpp.*.org", "xmpp.example.org"));
    assert_false(is_for(TLS_NAME_DNS, "*.org", "example.org"));
    assert_false(is_for(TLS_NAME_DNS, "*", "localhost"));
}

static void test_srv(void **state)
{
    (void)state;
    assert_true(is_for(TLS_NAME_SRV, "_xmpp-server.example.org", "example.org"));
    assert_true(is_for(TLS_NAME_SRV, "_XMPP-server.Example.org", "example.org"));
    assert_false(is_for(TLS_NAME_SRV, "_xmpp-client.example.org", "example.org"));
    assert_false(is_for(TLS_NAME_SRV, "example.org", "example.org"));
    assert_false(is_for(TLS_NAME_SRV, "_xmpp-server.*.org", "example.org"));
    assert_false(is_for(TLS_NAME_SRV, "_xmpp-server.", ""));
    assert_false(is_for(TLS_NAME_DNS, "_xmpp-server.example.org", "example.org"));
}

static void test_address(void **state)
{
    (void)state;
    assert_true(is_for(TLS_NAME_XMPP, "example.org", "example.org"));
    assert_false(is_for(TLS_NAME_XMPP, "romeo@example.org", "example.org"));
    assert_false(is_for(TLS_NAME_XMPP, "*.example.org", "xmpp.example.org"));
}

static void test_none(void **state)
{
    (void)state;
    assert_false(tls_server_is_for(NULL, SPAN("example.org")));
    struct tls_server *s = tls_server_new(NULL, NULL, 0);
    assert_non_null(s);
    assert_false(tls_server_is_for(s, SPAN("example.org")));
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dns), cmocka_unit_test(test_wildcard),
                                       cmocka_unit_test(test_srv), cmocka_unit_test(test_address),
                                       cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
