/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations, and whether a reload brings it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "config/config.h"

static struct config *parse(const char *text)
{
    struct config *c = NULL;
    struct buffer message = {0};
    if (config_parse("f", span_of(text), NULL, &c, &message) != 0)
        fail_msg("%s\n%.*s", text, (int)message.len, message.ptr ? message.ptr : "");
    buffer_fini(&message);
    return c;
}

static void difference_note(void *context, const char *path, enum config_reload reload)
{
    struct buffer *out = context;
    buffer_printf(out, "%s%s%s", out->len ? " " : "",
                  reload == CONFIG_RELOADS                ? "+"
                  : reload == CONFIG_RELOADS_BEFORE_SMIME ? "?"
                                                          : "",
                  path);
}

/* Which options differ, and whether a reload brings them ("+", "?": while nothing is verified). */
static void test_compare(void **state)
{
    (void)state;
    static const char start[] = "domains: [a.example, b.example]\n"
                                "state: /s\n"
                                "tls: {certificate: /c, key: /k}\n"
                                "listen: [{address: 127.0.0.1, port: 1}]\n"
                                "groups: [{name: g, members: [x@a.example], visible_to: [g]}]\n";
    static const struct {
        const char *from, *to; /* what is written instead */
        const char *differ;
    } rows[] = {
        {"/c", "/c", ""},
        {"/c", "/other", "+tls.certificate"},
        {"key: /k}", "key: /k, certificates: /f}", "+tls.certificates"},
        {"key: /k}", "key: /k, allow_tls12: true}", "+tls.allow_tls12"},
        {"key: /k}", "key: /k, client_ca: /a}", "tls.client_ca"},
        {"state: /s", "state: /t", "state admin.socket"},
        {"a.example, b", "c.example, a.example, b", "domains"},
        {"port: 1", "port: 2", "listen"},
        {"port: 1}", "port: 1}, {address: 127.0.0.1, port: 2}", "listen"},
        {"port: 1}", "port: 1, tls: direct}", "listen"},
        {"127.0.0.1", "127.0.0.2", "listen"},
        {"name: g", "name: g, title: T", "groups"},
        {"[x@a.example]", "[x@a.example, y@a.example]", "groups"},
        {"visible_to: [g]", "visible_to: members", "groups"},
        {"state: /s", "workers: 3\nlog_level: warn\nstate: /s", "workers +log_level"},
        {"state: /s", "presence: {csi: false}\nstate: /s", "presence.csi"},
        {"state: /s", "admins: [x@a.example]\nstate: /s", "admins"},
        {"state: /s", "smime: {mode: observe, anchors: /a, cache: 7}\nstate: /s",
         "+smime.mode ?smime.anchors ?smime.cache"},
        {"state: /s",
         "smime: {domains: [a.example=off], peers: [x@a.example=off], must_sign: [b.example], anchors: /a}\nstate: /s",
         "+smime.domains +smime.peers +smime.must_sign ?smime.anchors"},
    };
    struct config *before = parse(start);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer text = {0}, differ = {0};
        const char *at = strstr(start, rows[i].from);
        assert_non_null(at);
        buffer_printf(&text, "%.*s%s%s", (int)(at - start), start, rows[i].to, at + strlen(rows[i].from));
        buffer_append_char(&text, '\0');
        struct config *after = parse(text.ptr);
        config_compare(before, after, difference_note, &differ);
        if (!span_equal(buffer_span(&differ), span_of(rows[i].differ)))
            fail_msg("%s: %.*s", rows[i].to, (int)differ.len, differ.len ? differ.ptr : "");
        config_free(after);
        buffer_fini(&text);
        buffer_fini(&differ);
    }
    config_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
