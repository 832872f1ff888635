/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/request.h"

/* `text` at the very end of a page, with an unreadable one behind it. */
static char *guarded(struct span text)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    char *at = pages + page - text.len;
    memcpy(at, text.ptr, text.len);
    return at;
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        struct span request;
        int result;
        const char *command, *body;
    } rows[] = {
        {{"stats\n", 6}, 0, "stats", ""},
        {{"user\tput\na\nb\n", 13}, 0, "user\tput", "a\nb\n"},
        {{"x\n\n", 3}, 0, "x", "\n"},
        {{"a\n\0b", 4}, 0, "a", "\0b"},
        {{"\nbody", 5}, 1, "", ""},
        {{"stats", 5}, 1, "", ""},
        {{"", 0}, 1, "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span command = {0}, body = {0};
        char *at = guarded(rows[i].request);
        assert_int_equal(control_request_parse(span_make(at, rows[i].request.len), &command, &body),
                         rows[i].result);
        assert_true(span_equal(command, span_of(rows[i].command)));
        if (rows[i].result == 0)
            assert_int_equal(command.len + 1 + body.len, rows[i].request.len);
        assert_memory_equal(body.ptr ? body.ptr : "", rows[i].body, body.len);
    }
    struct span none = {0}, command, body;
    assert_int_equal(control_request_parse(none, &command, &body), 1);
}

/* A request that is cut is malformed until its first line is whole. */
static void test_request_at_every_prefix(void **state)
{
    (void)state;
    struct span whole = SPAN("user\tremove\ta@b\nbody\n"), command, body;
    for (size_t len = 0; len <= whole.len; len++) {
        char *at = guarded(span_make(whole.ptr, len));
        assert_int_equal(control_request_parse(span_make(at, len), &command, &body), len < 16 ? 1 : 0);
    }
}

static void test_replies(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int result;
        const char *text;
    } rows[] = {
        {"ok\n", 0, ""},          {"ok\nline\nline\n", 0, "line\nline\n"},
        {"error\nwhy", 1, "why"}, {"error\n", 1, ""},
        {"ok", -EPROTO, ""},      {"", -EPROTO, ""},
        {"OK\nx", -EPROTO, ""},   {"okay\nx", -EPROTO, ""},
        {"\n", -EPROTO, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span text = {0}, reply = span_of(rows[i].reply);
        char *at = guarded(reply);
        assert_int_equal(control_reply_parse(span_make(at, reply.len), &text), rows[i].result);
        assert_true(span_equal(text, span_of(rows[i].text)));
    }
}

static void test_addresses(void **state)
{
    (void)state;
    struct sockaddr_un address;
    char path[200];
    memset(path, 'p', sizeof path);
    path[107] = '\0';
    assert_int_equal(control_address_make(path, &address), 0);
    assert_string_equal(address.sun_path, path);
    path[107] = 'p';
    path[108] = '\0';
    assert_int_equal(control_address_make(path, &address), -ENAMETOOLONG);
    assert_int_equal(control_address_make("", &address), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_request_at_every_prefix),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests_name("admin/request", tests, NULL, NULL);
}
