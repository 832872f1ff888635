/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, and the words for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsed.h"

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "f:1:1: domains: is required\nf:1:1: state: is required\n"
             "f:1:1: tls.certificate: is required, because listen[0] uses TLS\n"
             "f:1:1: tls.key: is required, because listen[0] uses TLS\n"},
        {"domains: []\nstate: run\nlisten: [{address: 127.0.0.1, tls: none}]\n",
         "f:1:1: domains: must name at least one domain\n"},
        {"- a\n", "f:1:1: must be keys and values\n"},
        {"just text\n", "f:1:1: must be keys and values\n"},
        {MINIMAL "limit: {stanza_bytes: 20000}\n", "f:4:1: limit: unknown key; did you mean limits?\n"},
        {MINIMAL "worker: 3\n", "f:4:1: worker: unknown key; did you mean workers?\n"},
        {MINIMAL "limits:\n  stanza_byte: 20000\n",
         "f:5:3: limits.stanza_byte: unknown key; did you mean limits.stanza_bytes?\n"},
        {MINIMAL "certificate: x\n", "f:4:1: certificate: unknown key; did you mean tls.certificate?\n"},
        {MINIMAL "zzzzzzzzzz: x\n", "f:4:1: zzzzzzzzzz: unknown key\n"},
        {MINIMAL "tls.key: x\n", "f:4:1: a key must be a plain name\n"},
        {MINIMAL "[a]: x\n", "f:4:1: a key must be a plain name\n"},
        {MINIMAL "\"a\\0b\": x\n", "f:4:1: a key must be a plain name\n"},
        {MINIMAL "state: other\n", "f:4:1: state: is given twice\n"},
        {MINIMAL "sasl: {iterations: 5000, iterations: 6000}\n", "f:4:26: sasl.iterations: is given twice\n"},
        {MINIMAL "zzz: 1\nzzz: 2\n", "f:4:1: zzz: unknown key\nf:5:1: zzz: is given twice\n"},
        {MINIMAL "workers: many\n", "f:4:10: workers: 'many' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: 0\n", "f:4:10: workers: '0' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: 257\n", "f:4:10: workers: '257' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: -1\n", "f:4:10: workers: '-1' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: 4294967297\n",
         "f:4:10: workers: '4294967297' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: 99999999999999999999\n",
         "f:4:10: workers: '99999999999999999999' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers:\n", "f:4:9: workers: '' is not a whole number from 1 to 256, or auto\n"},
        {MINIMAL "workers: [1]\n",
         "f:4:10: workers: must be one value: a whole number from 1 to 256, or auto\n"},
        {MINIMAL "limits: {stanza_bytes: 9999}\n",
         "f:4:24: limits.stanza_bytes: '9999' is not a whole number from 10000 to 16777216\n"},
        {MINIMAL "limits: {stanza_bytes: 100000, queue_bytes: 65536}\n",
         "f:4:32: limits.queue_bytes: 65536 is less than limits.stanza_bytes (100000): such a stanza could "
         "never be "
         "delivered\n"},
        {MINIMAL "limits: {stanza_bytes: 10000, unauthenticated_stanza_bytes: 10001}\n",
         "f:4:31: limits.unauthenticated_stanza_bytes: 10001 is more than limits.stanza_bytes (10000)\n"},
        {MINIMAL "limits: 5\n", "f:4:9: limits: must be a section of keys and values\n"},
        {MINIMAL "sasl: {allow_plain: yes}\n", "f:4:21: sasl.allow_plain: 'yes' is not true or false\n"},
        {MINIMAL "offload: {tls: kernel}\n", "f:4:16: offload.tls: 'kernel' is not auto, off or on\n"},
        {MINIMAL "log_level: \"inf\\no\"\n",
         "f:4:12: log_level: 'inf?o' is not error, warn, info or debug\n"},
        {MINIMAL "admin: {http: \"localhost:80\"}\n",
         "f:4:15: admin.http: 'localhost:80' is not a numeric address and a port, as in 127.0.0.1:5280 or "
         "[::1]:5280\n"},
        {MINIMAL "admin: {http: \"::1:80\"}\n", "f:4:15: admin.http: '::1:80' is not a numeric address and a "
                                                "port, as in 127.0.0.1:5280 or [::1]:5280\n"},
        {MINIMAL "admin: {socket: \"\"}\n", "f:4:17: admin.socket: '' is not text, not empty\n"},
        {"domains: [a, b, A]\nstate: run\n", "f:1:17: domains: a is given twice\n"},
        {"domains: [a b]\nstate: run\n", "f:1:11: domains: 'a b' is not a domain name\n"},
        {MINIMAL "contacts: {abuse: [mailto:a@b, c]}\n",
         "f:4:32: contacts.abuse: 'c' is not a URI, as in mailto:user@example.org\n"},
        {MINIMAL "contacts: {sales: {a: b}}\n", "f:4:19: contacts.sales: must be a list of URIs\n"},
        {MINIMAL "federation: {hosts: [example.org]}\n",
         "f:4:22: federation.hosts: 'example.org' is not a domain with address and port, as in "
         "example.org=192.0.2.1:5269\n"},
        {MINIMAL "federation: {hosts: [\"=192.0.2.1:5269\"]}\n",
         "f:4:22: federation.hosts: '=192.0.2.1:5269' is not a domain with address and port, as in "
         "example.org=192.0.2.1:5269\n"},
        {MINIMAL "federation: {hosts: [\"a b=192.0.2.1:5269\"]}\n",
         "f:4:22: federation.hosts: 'a b=192.0.2.1:5269' is not a domain with address and port, as in "
         "example.org=192.0.2.1:5269\n"},
        {MINIMAL "federation: {queue_bytes: 10000}\n",
         "f:4:14: federation.queue_bytes: 10000 is less than limits.stanza_bytes (262144): such a stanza could "
         "never be sent\n"},
        {MINIMAL "smime: {mode: annotate}\n",
         "f:1:1: smime.anchors: is required, because signatures are to be verified\n"},
        {MINIMAL "smime: {must_sign: [example.org]}\n",
         "f:1:1: smime.anchors: is required, because signatures are to be verified\n"},
        {MINIMAL "smime: {peers: [example.org=observe]}\n",
         "f:1:1: smime.anchors: is required, because signatures are to be verified\n"},
        {MINIMAL "smime: {mode: on}\n",
         "f:4:15: smime.mode: 'on' is not off, observe, annotate or enforce\n"},
        {MINIMAL "smime: {anchors: a, domains: [example.org=enforce]}\n",
         "f:4:21: smime.domains: 'example.org' is no domain served here; of others, smime.peers decides\n"},
        {MINIMAL "smime: {peers: [example.org=always]}\n",
         "f:4:17: smime.peers: 'example.org=always' is not a domain or a bare JID with a mode, as in "
         "example.org=enforce\n"},
        {MINIMAL "smime: {peers: [example.org]}\n",
         "f:4:17: smime.peers: 'example.org' is not a domain or a bare JID with a mode, as in "
         "example.org=enforce\n"},
        {MINIMAL "smime: {must_sign: [a@b/c]}\n",
         "f:4:21: smime.must_sign: 'a@b/c' is not a domain or a bare JID\n"},
        {MINIMAL "smime: {ocsp_responder: 'http://a'}\n",
         "f:4:9: smime.ocsp_responder: has no use while smime.ocsp is off\n"},
        {MINIMAL "federation: {retry_first_ms: 5000, retry_max_ms: 1000}\n",
         "f:4:36: federation.retry_max_ms: 1000 is less than federation.retry_first_ms (5000)\n"},
        {"domains: [[a]]\nstate: run\n", "f:1:11: domains: must be a list of domain names\n"},
        {"domains: {a: b}\nstate: run\n", "f:1:10: domains: must be a list of domain names\n"},
        {MINIMAL "listen: []\n", "f:4:9: listen: must not be empty; without it the default is used\n"},
        {MINIMAL "listen: 5222\n", "f:4:9: listen: must be a list of listeners, each {address, port, tls}\n"},
        {MINIMAL "listen: [5222]\n", "f:4:10: listen[0]: must be a listener: {address, port, tls}\n"},
        {MINIMAL "listen:\n  - {address: localhost}\n",
         "f:5:15: listen[0].address: 'localhost' is not a numeric IPv4 or IPv6 address\n"},
        {MINIMAL "listen:\n  - {port: 1}\n  - {port: 65536}\n",
         "f:6:12: listen[1].port: '65536' is not a whole number from 1 to 65535\n"},
        {MINIMAL "listen: [{prot: 5222}]\n",
         "f:4:11: listen[0].prot: unknown key; did you mean listen[].port?\n"},
        {MINIMAL "listen: [{tls: none}]\n", "f:4:10: listen[0]: tls: none on ::, which is not loopback, "
                                            "would send everything in clear; use starttls or "
                                            "direct, or set allow_plaintext: true\n"},
        {MINIMAL "listen: [{port: 1}, {port: 2}, {port: 1}]\n",
         "f:4:32: listen[2]: the same address and port as listen[0]\n"},
        {MINIMAL "listen: [{address: 126.0.0.1, tls: none}]\n",
         "f:4:10: listen[0]: tls: none on 126.0.0.1, which is not loopback, would send everything in clear; "
         "use starttls "
         "or direct, or set allow_plaintext: true\n"},
        {"domains: [a]\nstate: run\ntls: {key: k}\nlisten: [{address: 127.0.0.1, tls: none}, {port: 9}]\n",
         "f:1:1: tls.certificate: is required, because listen[1] uses TLS\n"},
        {MINIMAL "groups: staff\n",
         "f:4:9: groups: must be a list of groups, each {name, title, members, visible_to}\n"},
        {MINIMAL "groups: [staff]\n",
         "f:4:10: groups[0]: must be a group: {name, title, members, visible_to}\n"},
        {MINIMAL "groups: [{title: x}]\n", "f:4:10: groups[0]: name is required\n"},
        {MINIMAL "groups: [{name: \"a,b\"}]\n",
         "f:4:17: groups[0].name: 'a,b' is not text without commas, not empty, at most 255 bytes\n"},
        {MINIMAL "groups: [{name: [a]}]\n",
         "f:4:17: groups[0].name: must be one value: text without commas, not empty, at most 255 bytes\n"},
        {MINIMAL "groups: [{name: \"a\\tb\"}]\n",
         "f:4:17: groups[0].name: 'a?b' is not text without commas, not empty, at most 255 bytes\n"},
        {MINIMAL "groups: [{name: a, title: \"\"}]\n",
         "f:4:27: groups[0].title: '' is not text, not empty, at most 1023 bytes\n"},
        {MINIMAL "groups: [{name: a, title: \"\\uFFFE\"}]\n",
         "f:4:27: groups[0].title: '\xEF\xBF\xBE' is not text, not empty, at most 1023 bytes\n"},
        {MINIMAL "groups:\n  - name: a\n  - name: b\n  - name: a\n",
         "f:7:5: groups[2]: the same name as groups[0]\n"},
        {MINIMAL "groups: [{name: a, name: b}]\n", "f:4:20: groups[0].name: is given twice\n"},
        {MINIMAL "groups: [{name: a, member: [x@localhost]}]\n",
         "f:4:20: groups[0].member: unknown key; did you mean groups[].members?\n"},
        {MINIMAL "group: [{name: a}]\n", "f:4:1: group: unknown key; did you mean groups?\n"},
        {MINIMAL "groups: [{name: a, members: x@localhost}]\n",
         "f:4:29: groups[0].members: must be a list of accounts' addresses (local@domain)\n"},
        {MINIMAL "groups: [{name: a, members: [{x: y}]}]\n",
         "f:4:30: groups[0].members: must be a list of accounts' addresses (local@domain)\n"},
        {MINIMAL "groups:\n  - name: a\n    members:\n      - x@localhost/desk\n      - localhost\n      - x "
                 "y@localhost\n",
         "f:7:9: groups[0].members: 'x@localhost/desk' is not an account's address (local@domain)\n"
         "f:8:9: groups[0].members: 'localhost' is not an account's address (local@domain)\n"
         "f:9:9: groups[0].members: 'x y@localhost' is not an account's address (local@domain)\n"},
        {MINIMAL "groups: [{name: a, members: [x@localhost, y@localhost, X@LocalHost]}]\n",
         "f:4:56: groups[0].members: x@localhost is given twice\n"},
        {MINIMAL "groups:\n  - name: a\n    members: [x@localhost]\n  - name: b\n    members: [x@localhost, "
                 "y@elsewhere]\n",
         "f:8:28: groups[1].members: 'y@elsewhere' is not of a domain served here\n"},
        {MINIMAL "groups: [{name: a, visible_to: everybody}]\n",
         "f:4:32: groups[0].visible_to: 'everybody' is not members, hidden or a list of groups of this "
         "file\n"},
        {MINIMAL "groups: [{name: a, visible_to: {b: c}}]\n",
         "f:4:32: groups[0].visible_to: must be one value: members, hidden or a list of groups of this "
         "file\n"},
        {MINIMAL "groups: [{name: a, visible_to: [[a]]}]\n",
         "f:4:33: groups[0].visible_to: must be members, hidden or a list of groups of this file\n"},
        {MINIMAL "groups: [{name: a, visible_to: [\"\"]}]\n",
         "f:4:33: groups[0].visible_to: '' is not the name of a group\n"},
        {MINIMAL "groups: [{name: a, visible_to: []}]\n",
         "f:4:32: groups[0].visible_to: must not be empty; hidden is visible to nobody\n"},
        {MINIMAL "groups: [{name: a, visible_to: [a, a]}]\n",
         "f:4:36: groups[0].visible_to: a is given twice\n"},
        {MINIMAL "groups:\n  - {name: a, visible_to: [b]}\n  - {name: b, visible_to: [a, c]}\n",
         "f:6:31: groups[1].visible_to: 'c' is not a group of this file\n"},
        {MINIMAL "---\nstate: x\n", "f:5:1: a second document; the file must have one\n"},
        {"domains: [a\nstate: b\n",
         "f:2:6: while parsing a flow sequence: did not find expected ',' or ']'\n"},
        {"a: b: c\n", "f:1:5: mapping values are not allowed in this context\n"},
        {"a: *b\n", "f:1:4: found undefined alias\n"},
        {"state: a\nx: \xff\n", "f:2:4: invalid leading UTF-8 octet\n"},
        {"state: a\nx: \x01\n", "f:2:4: control characters are not allowed\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer message = {0};
        parse(rows[i].text, NULL, &message, -EINVAL);
        if (!span_equal(buffer_span(&message), span_of(rows[i].message)))
            fail_msg("for:\n%s\ngot:\n%.*sexpected:\n%s", rows[i].text, (int)message.len, message.ptr,
                     rows[i].message);
        buffer_fini(&message);
    }
}

static void test_socket_path_length(void **state)
{
    (void)state;
    char text[512], path[128];
    struct buffer message = {0};
    memset(path, 'p', sizeof path);
    path[107] = '\0';
    snprintf(text, sizeof text, MINIMAL "admin: {socket: %s}\n", path);
    config_free(parse(text, NULL, &message, 0));
    path[107] = 'p';
    path[108] = '\0';
    snprintf(text, sizeof text, MINIMAL "admin: {socket: %s}\n", path);
    parse(text, NULL, &message, -EINVAL);
    assert_non_null(memmem(message.ptr, message.len, "f:4:9: admin.socket: ", 21));
    buffer_fini(&message);
}

static void test_many_errors_end(void **state)
{
    (void)state;
    struct buffer text = {0}, message = {0};
    for (int i = 0; i < 50; i++)
        buffer_printf(&text, "zzzzzzz%d: 1\n", i);
    buffer_append_char(&text, '\0');
    parse(text.ptr, NULL, &message, -EINVAL);
    int lines = 0;
    for (uint32_t i = 0; i < message.len; i++)
        lines += message.ptr[i] == '\n';
    assert_int_equal(lines, 21);
    assert_non_null(memmem(message.ptr, message.len, "f: and more\n", 12));
    buffer_fini(&text);
    buffer_fini(&message);
}

static void test_environment_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        int result;
        const char *message;
    } rows[] = {
        {"MUSTER_WORKRES=3", 0, "environment: MUSTER_WORKRES: no such setting, ignored\n"},
        {"MUSTER_GROUPS=a", 0, "environment: MUSTER_GROUPS: no such setting, ignored\n"},
        {"MUSTER_LISTEN=3", 0, "environment: MUSTER_LISTEN: no such setting, ignored\n"},
        {"MUSTER_WORKERS=x", -EINVAL,
         "environment: MUSTER_WORKERS: 'x' is not a whole number from 1 to 256, or auto\n"},
        {"MUSTER_DOMAINS=a,,b", -EINVAL, "environment: MUSTER_DOMAINS: '' is not a domain name\n"},
        {"MUSTER_DOMAINS=a,a", -EINVAL, "environment: MUSTER_DOMAINS: a is given twice\n"},
        {"MUSTER_", 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer message = {0};
        char *environment[] = {(char *)rows[i].variable, NULL};
        config_free(parse(MINIMAL, environment, &message, rows[i].result));
        if (!span_equal(buffer_span(&message), span_of(rows[i].message)))
            fail_msg("%s: %.*s", rows[i].variable, (int)message.len, message.ptr);
        buffer_fini(&message);
    }
}

/* Cut anywhere, a configuration is read or refused with a message; nothing else. */
static void test_every_prefix(void **state)
{
    (void)state;
    static const char text[] =
        MINIMAL "listen:\n  - {address: 127.0.0.1, port: 5222, tls: starttls, records: kernel}\n"
                "groups: [{name: a, members: [x@localhost, y@localhost], visible_to: [b, a]}, {name: b}]\n"
                "limits: {stanza_bytes: 20000}\n";
    for (size_t len = 0; len < sizeof text; len++) {
        struct buffer message = {0};
        struct config *c = NULL;
        char *copy = malloc(len ? len : 1); /* exactly as long: a sanitizer sees what reads behind it */
        memcpy(copy, text, len);
        int result = config_parse("f", span_make(copy, len), NULL, &c, &message);
        assert_true(result == 0 || result == -EINVAL);
        assert_int_equal(result != 0, message.len != 0);
        config_free(c);
        free(copy);
        buffer_fini(&message);
    }
}

/* Aliases that multiply, and one that holds itself. */
static void test_hostile_aliases(void **state)
{
    (void)state;
    struct buffer message = {0};
    parse("domains: &a [*a]\nstate: x\n", NULL, &message, -EINVAL);
    buffer_clear(&message);
    parse("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
          "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ndomains: *d\n",
          NULL, &message, -EINVAL);
    buffer_fini(&message);
}

/* Each bound is as high as it says, and no higher. */
static void test_group_limits(void **state)
{
    (void)state;
    static const struct {
        const char *before, *each, *behind, *complaint; /* `each` is given a number */
        unsigned allowed;
    } rows[] = {
        {"groups: [", "{name: g%u},", "]\n", "f:4:9: groups: 1001 groups, there may be 1000\n", 1000},
        {"groups: [{name: g0, members: [", "m%u@localhost,", "]}]\n",
         "f:4:30: groups[0].members: more than 65536 members in the file; use musterctl group import\n",
         65536},
        {"groups: [{name: a, members: [x@localhost]}, {name: b, members: [", "m%u@localhost,", "]}]\n",
         "f:4:64: groups[1].members: more than 65536 members in the file; use musterctl group import\n",
         65535},
        {"groups: [{name: n", "x", "}]\n",
         "f:4:17: groups[0].name: 'nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is not text "
         "without commas, not empty, at most 255 bytes\n",
         254},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned more = 0; more <= 1; more++) {
            struct buffer text = {0}, message = {0};
            buffer_printf(&text, MINIMAL "%s", rows[i].before);
            for (unsigned n = 0; n < rows[i].allowed + more; n++)
                buffer_printf(&text, rows[i].each, n);
            buffer_printf(&text, "%s", rows[i].behind);
            buffer_append_char(&text, '\0');
            config_free(parse(text.ptr, NULL, &message, more ? -EINVAL : 0));
            if (!span_equal(buffer_span(&message), span_of(more ? rows[i].complaint : "")))
                fail_msg("row %zu: %.*s", i, (int)message.len, message.ptr);
            buffer_fini(&text);
            buffer_fini(&message);
        }
    }
}

/* Seen by 32 groups at most. */
static void test_group_viewers(void **state)
{
    (void)state;
    for (unsigned count = 32; count <= 33; count++) {
        struct buffer text = {0}, message = {0};
        buffer_printf(&text, MINIMAL "groups: [");
        for (unsigned n = 0; n < 33; n++)
            buffer_printf(&text, "{name: g%u},", n);
        buffer_printf(&text, "\n{name: a, visible_to: [");
        for (unsigned n = 0; n < count; n++)
            buffer_printf(&text, "g%u,", n);
        buffer_printf(&text, "]}]\n");
        buffer_append_char(&text, '\0');
        config_free(parse(text.ptr, NULL, &message, count > 32 ? -EINVAL : 0));
        assert_true(span_equal(
            buffer_span(&message),
            span_of(count > 32 ? "f:5:23: groups[33].visible_to: 33 groups, there may be 32\n" : "")));
        buffer_fini(&text);
        buffer_fini(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_socket_path_length),
        cmocka_unit_test(test_many_errors_end), cmocka_unit_test(test_environment_mistakes),
        cmocka_unit_test(test_every_prefix),    cmocka_unit_test(test_hostile_aliases),
        cmocka_unit_test(test_group_limits),    cmocka_unit_test(test_group_viewers),
    };
    return cmocka_run_group_tests_name("config/refusals", tests, NULL, NULL);
}
