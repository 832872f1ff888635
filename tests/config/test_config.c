/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parsed.h"

static void test_minimal_has_defaults(void **state)
{
    (void)state;
    struct buffer message = {0};
    struct config *c = parse(MINIMAL, NULL, &message, 0);
    assert_int_equal(message.len, 0);
    assert_int_equal(c->domain_count, 1);
    assert_string_equal(c->domains[0], "localhost");
    assert_string_equal(c->state, "run");
    assert_string_equal(c->tls.certificate, "run/cert.pem");
    assert_string_equal(c->tls.key, "run/key.pem");
    assert_false(c->tls.allow_tls12);
    assert_int_equal(c->listener_count, 2);
    assert_string_equal(c->listeners[0].address, "::");
    assert_int_equal(c->listeners[0].port, 5222);
    assert_int_equal(c->listeners[0].tls, CONFIG_TLS_STARTTLS);
    assert_int_equal(c->listeners[1].port, 5223);
    assert_int_equal(c->listeners[1].tls, CONFIG_TLS_DIRECT);
    assert_string_equal(c->admin.socket, "run/admin.sock");
    assert_null(c->admin.http);
    assert_int_equal(c->group_count, 0);
    assert_int_equal(c->workers, 0);
    assert_int_equal(c->jobs, 0);
    assert_int_equal(c->offload.io, CONFIG_OFFLOAD_AUTO);
    assert_false(c->sasl.allow_plain);
    assert_false(c->registration.allow);
    assert_false(c->registration.allow_removal);
    assert_int_equal(c->registration.per_hour, 5);
    assert_int_equal(c->sasl.iterations, 4096);
    assert_int_equal(c->resource_conflict, CONFIG_CONFLICT_REPLACE);
    assert_int_equal(c->limits.stanza_bytes, 262144);
    assert_int_equal(c->limits.unauthenticated_stanza_bytes, 10000);
    assert_int_equal(c->limits.queue_bytes, 4194304);
    assert_int_equal(c->limits.roster_items, 100000);
    assert_int_equal(c->limits.resources, 32);
    assert_int_equal(c->limits.login_timeout_ms, 30000);
    assert_int_equal(c->limits.connections_per_address, 0);
    assert_int_equal(c->limits.directed_presences, 1000);
    assert_int_equal(c->limits.subscription_requests, 1000);
    assert_int_equal(c->limits.blocked_jids, 1000);
    assert_int_equal(c->limits.held_presences, 10000);
    assert_true(c->presence.csi);
    assert_int_equal(c->presence.conflate_bytes, 1048576);
    assert_int_equal(c->presence.rate, 1000);
    assert_int_equal(c->presence.burst, 10000);
    assert_int_equal(c->presence.flap_grace_ms, 0);
    assert_int_equal(c->log_level, CONFIG_LOG_INFO);
    config_free(c);
}

static void test_everything_set(void **state)
{
    (void)state;
    struct buffer message = {0};
    struct config *c = parse(
        "# everything\n"
        "domains: [Example.ORG, \"b.example\"]\n"
        "state: /var/lib/muster\n"
        "tls:\n  certificate: c.pem\n  key: 'k.pem'\n  allow_tls12: true\n"
        "listen:\n"
        "  - {address: 127.0.0.1, port: 5222, tls: starttls, records: kernel}\n"
        "  - {address: \"::1\", port: 5299, tls: none}\n"
        "  - address: 0.0.0.0\n    port: 80\n    tls: none\n    allow_plaintext: true\n"
        "admin: {socket: run/a.sock, http: 127.0.0.1:5280}\n"
        "workers: 4\njobs: 2\n"
        "offload: {io: off, tls: on, bpf: auto}\n"
        "sasl: {allow_plain: true, iterations: 10000}\n"
        "registration: {allow: true, allow_removal: true, per_hour: 0}\n"
        "resource_conflict: rename\n"
        "limits:\n"
        "  stanza_bytes: 20000\n  unauthenticated_stanza_bytes: 10001\n  queue_bytes: 65536\n"
        "  roster_items: 5\n  resources: 6\n  login_timeout_ms: 1000\n"
        "  connections_per_address: 7\n  directed_presences: 8\n  subscription_requests: 9\n"
        "  held_presences: 10\n"
        "presence: {csi: false, conflate_bytes: 4096, rate: 3, burst: 4, flap_grace_ms: 5}\n"
        "contacts: {abuse: [\"mailto:a@b\", \"xmpp:c@d\"], support: \"mailto:e@f\"}\n"
        "federation: {enabled: true, hosts: [\"B.Example=127.0.0.1:5269\", \"c.example=[::1]:1\"], certificates: optional}\n"
        "log_level: debug\n"
        "groups:\n"
        "  - {name: staff, title: The Staff, members: [Ann@Example.ORG, ben@b.example], visible_to: "
        "[later, staff]}\n"
        "  - name: later\n    visible_to: hidden\n    members:\n      - ann@example.org\n"
        "  - {name: third, members: , visible_to: members}\n",
        NULL, &message, 0);
    assert_int_equal(c->contacts[0].count, 2);
    assert_string_equal(c->contacts[0].texts[1], "xmpp:c@d");
    assert_int_equal(c->contacts[6].count, 1);
    assert_true(c->federation.enabled);
    assert_int_equal(c->federation.certificates, CONFIG_CERTIFICATES_OPTIONAL);
    assert_int_equal(c->federation.hosts.count, 2);
    assert_string_equal(c->federation.hosts.texts[0], "b.example=127.0.0.1:5269");
    assert_string_equal(c->federation.hosts.texts[1], "c.example=[::1]:1");
    assert_int_equal(c->domain_count, 2);
    assert_string_equal(c->domains[0], "example.org");
    assert_string_equal(c->domains[1], "b.example");
    assert_true(c->tls.allow_tls12);
    assert_int_equal(c->listener_count, 3);
    assert_string_equal(c->listeners[1].address, "::1");
    assert_int_equal(c->listeners[1].tls, CONFIG_TLS_NONE);
    assert_false(c->listeners[1].allow_plaintext);
    assert_int_equal(c->listeners[0].records, CONFIG_RECORDS_KERNEL);
    assert_int_equal(c->listeners[1].records, CONFIG_RECORDS_AUTO);
    assert_int_equal(c->listeners[2].port, 80);
    assert_true(c->listeners[2].allow_plaintext);
    assert_string_equal(c->admin.socket, "run/a.sock");
    assert_string_equal(c->admin.http, "127.0.0.1:5280");
    assert_int_equal(c->workers, 4);
    assert_int_equal(c->jobs, 2);
    assert_int_equal(c->offload.io, CONFIG_OFFLOAD_OFF);
    assert_int_equal(c->offload.tls, CONFIG_OFFLOAD_ON);
    assert_true(c->sasl.allow_plain);
    assert_true(c->registration.allow);
    assert_true(c->registration.allow_removal);
    assert_int_equal(c->registration.per_hour, 0);
    assert_int_equal(c->sasl.iterations, 10000);
    assert_int_equal(c->resource_conflict, CONFIG_CONFLICT_RENAME);
    assert_int_equal(c->limits.stanza_bytes, 20000);
    assert_int_equal(c->limits.unauthenticated_stanza_bytes, 10001);
    assert_int_equal(c->limits.queue_bytes, 65536);
    assert_int_equal(c->limits.roster_items, 5);
    assert_int_equal(c->limits.resources, 6);
    assert_int_equal(c->limits.login_timeout_ms, 1000);
    assert_int_equal(c->limits.connections_per_address, 7);
    assert_int_equal(c->limits.directed_presences, 8);
    assert_int_equal(c->limits.subscription_requests, 9);
    assert_int_equal(c->limits.held_presences, 10);
    assert_false(c->presence.csi);
    assert_int_equal(c->presence.conflate_bytes, 4096);
    assert_int_equal(c->presence.rate, 3);
    assert_int_equal(c->presence.burst, 4);
    assert_int_equal(c->presence.flap_grace_ms, 5);
    assert_int_equal(c->log_level, CONFIG_LOG_DEBUG);
    assert_int_equal(c->group_count, 3);
    assert_string_equal(c->groups[0].name, "staff");
    assert_string_equal(c->groups[0].title, "The Staff");
    assert_int_equal(c->groups[0].members.count, 2);
    assert_string_equal(c->groups[0].members.at[0], "ann@example.org");
    assert_string_equal(c->groups[0].members.at[1], "ben@b.example");
    assert_int_equal(c->groups[0].visibility, CONFIG_VISIBLE_TO_VIEWERS);
    assert_int_equal(c->groups[0].viewers.count, 2);
    assert_string_equal(c->groups[0].viewers.at[0], "later");
    assert_string_equal(c->groups[0].viewers.at[1], "staff");
    assert_string_equal(c->groups[1].title, "later");
    assert_int_equal(c->groups[1].visibility, CONFIG_VISIBLE_TO_NOBODY);
    assert_int_equal(c->groups[1].members.count, 1);
    assert_int_equal(c->groups[2].visibility, CONFIG_VISIBLE_TO_MEMBERS);
    assert_int_equal(c->groups[2].members.count, 0);
    config_free(c);
}

static void test_signed_stanzas(void **state)
{
    (void)state;
    struct buffer message = {0};
    struct span name;
    struct config *c =
        parse(MINIMAL "smime: {anchors: a, domains: [LOCALHOST=off], peers: [Juliet@Example.ORG=enforce, "
                      "example.org=off], must_sign: [example.net]}\n",
              NULL, &message, 0);
    assert_true(config_smime_is_on(c));
    assert_int_equal(c->smime.mode, CONFIG_SMIME_OFF);
    assert_int_equal(config_smime_mode_read(c->smime.domains.texts[0], &name), CONFIG_SMIME_OFF);
    assert_true(span_equal(name, SPAN("localhost")));
    assert_int_equal(config_smime_mode_read(c->smime.peers.texts[0], &name), CONFIG_SMIME_ENFORCE);
    assert_true(span_equal(name, SPAN("juliet@example.org")));
    assert_string_equal(c->smime.must_sign.texts[0], "example.net");
    config_free(c);
    c = parse(MINIMAL "smime: {anchors: a, peers: [example.org=off]}\n", NULL, &message, 0);
    assert_false(config_smime_is_on(c)); /* what only says off needs nothing */
    config_free(c);
    buffer_fini(&message);
}

static void test_also_allowed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        MINIMAL "limits:\n", /* a section of comments only */
        MINIMAL "limits: ~\nadmin: null\nsasl: {}\n",
        MINIMAL "workers: auto\n",
        MINIMAL "workers: \"3\"\n",
        "--- \n" MINIMAL "...\n",
        "domains: localhost\nstate: run\nlisten: [{address: 127.0.0.1, tls: none}]\n", /* no TLS, no
                                                                                          certificate */
        "domains: &d [localhost]\nstate: run\nlisten: [{address: 127.8.9.10, tls: none}]\n",
        "{\"domains\": [\"x\"], \"state\": \"s\", \"listen\": [{\"address\": \"::1\", \"tls\": \"none\"}]}",
        MINIMAL "admin: {http: \"[::1]:80\"}\n",
        MINIMAL "groups:\n",
        MINIMAL "groups: []\n",
        MINIMAL "groups: [{name: a, members: &m [x@localhost]}, {name: b, members: *m}]\n",
        "groups: [{name: a, members: [x@later]}]\ndomains: [later]\nstate: run\nlisten: [{address: 127.0.0.1, tls: none}]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buffer message = {0};
        config_free(parse(texts[i], NULL, &message, 0));
        assert_int_equal(message.len, 0);
        buffer_fini(&message);
    }
}

static void test_environment(void **state)
{
    (void)state;
    struct buffer message = {0};
    char *environment[] = {(char *)"PATH=/bin",
                           (char *)"MUSTER_WORKERS=7",
                           (char *)"MUSTER_TLS_CERTIFICATE=/e/cert.pem",
                           (char *)"MUSTER_LIMITS_STANZA_BYTES=30000",
                           (char *)"MUSTER_DOMAINS=B.example,c.example",
                           (char *)"MUSTER_CONTACTS_SALES=mailto:a@b,mailto:c@d",
                           (char *)"MUSTER_ADMIN_HTTP=", /* as good as not there */
                           (char *)"MUSTER_TEST_ANYTHING=1",
                           (char *)"MUSTER_BPF_FAIL=steer",
                           (char *)"MUSTER_LOG_LEVEL=warn",
                           NULL};
    struct config *c = parse(MINIMAL "workers: 2\nadmin: {http: 127.0.0.1:80}\n", environment, &message, 0);
    assert_int_equal(message.len, 0);
    assert_int_equal(c->workers, 7);
    assert_string_equal(c->tls.certificate, "/e/cert.pem");
    assert_int_equal(c->limits.stanza_bytes, 30000);
    assert_int_equal(c->domain_count, 2);
    assert_string_equal(c->domains[0], "b.example");
    assert_int_equal(c->contacts[3].count, 2);
    assert_string_equal(c->contacts[3].texts[1], "mailto:c@d");
    assert_string_equal(c->admin.http, "127.0.0.1:80");
    assert_int_equal(c->log_level, CONFIG_LOG_WARN);
    config_free(c);
    /* it may also give what is required */
    char *required[] = {(char *)"MUSTER_DOMAINS=x", (char *)"MUSTER_STATE=s",
                        (char *)"MUSTER_TLS_CERTIFICATE=c", (char *)"MUSTER_TLS_KEY=k", NULL};
    c = parse("", required, &message, 0);
    assert_string_equal(c->admin.socket, "s/admin.sock");
    config_free(c);
}

static void test_load(void **state)
{
    (void)state;
    char path[] = "/tmp/muster-config-XXXXXX", expected[128];
    struct buffer message = {0};
    struct config *c = NULL;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, MINIMAL, sizeof MINIMAL - 1), sizeof MINIMAL - 1);
    assert_int_equal(config_load(path, NULL, &c, &message), 0);
    config_free(c);
    assert_int_equal(write(fd, "x: y\n", 5), 5);
    assert_int_equal(config_load(path, NULL, &c, &message), -EINVAL);
    snprintf(expected, sizeof expected, "%s:4:1: x: unknown key\n", path);
    assert_true(span_equal(buffer_span(&message), span_of(expected)));
    assert_int_equal(ftruncate(fd, 2 * 1024 * 1024), 0);
    assert_int_equal(config_load(path, NULL, &c, &message), -EFBIG);
    close(fd);
    unlink(path);
    buffer_clear(&message);
    assert_int_equal(config_load(path, NULL, &c, &message), -ENOENT);
    assert_true(message.len > 0);
    buffer_clear(&message);
    assert_int_equal(config_load("/tmp", NULL, &c, &message), -EISDIR);
    buffer_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal_has_defaults), cmocka_unit_test(test_everything_set),
        cmocka_unit_test(test_signed_stanzas),       cmocka_unit_test(test_also_allowed),
        cmocka_unit_test(test_environment),          cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
