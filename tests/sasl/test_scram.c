/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM's messages: the RFCs' example exchanges to the letter, what each malformed message is answered with,
 * every prefix of the good ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "sasl/scram.h"

struct example {
    const char *name;
    enum sasl_hash hash;
    const char *client_first, *server_nonce, *salt, *server_first, *client_final, *server_final;
};

static const struct example examples[] = {
    {
        .name = "RFC 5802 s. 5",
        .hash = SASL_SHA_1,
        .client_first = "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        .server_nonce = "3rfcNHYJY1ZVvWVs7j",
        .salt = "QSXCR+Q6sek8bf92",
        .server_first = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        .client_final = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        .server_final = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    },
    {
        .name = "RFC 7677 s. 3",
        .hash = SASL_SHA_256,
        .client_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        .server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        .salt = "W22ZaJ0SNY7soEsUEjb6gQ==",
        .server_first =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        .client_final = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        .server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    },
};

static const struct sasl_bindings no_bindings = {.is_tls = false};
static const struct scram_offer plain_offer = {.bindings = &no_bindings};

struct names {
    struct buffer authzid, username, out;
};

static void names_init(struct names *n)
{
    buffer_init(&n->authzid);
    buffer_init(&n->username);
    buffer_init(&n->out);
}

static void names_fini(struct names *n)
{
    buffer_fini(&n->authzid);
    buffer_fini(&n->username);
    buffer_fini(&n->out);
}

/* Up to the challenge, with the password "pencil". */
static void play_start(const struct example *e, bool is_known, struct scram *s, struct names *n)
{
    uint8_t stored_key[SASL_HASH_BYTES_MAX], server_key[SASL_HASH_BYTES_MAX];
    struct buffer salt;

    buffer_init(&salt);
    assert_int_equal(sasl_base64_decode(span_of(e->salt), &salt), 0);
    assert_int_equal(
        sasl_hash_derive_keys(e->hash, SPAN("pencil"), buffer_span(&salt), 4096, stored_key, server_key), 0);
    scram_init(s, e->hash);
    names_init(n);
    assert_int_equal(scram_client_first(s, span_of(e->client_first), &plain_offer, &n->authzid, &n->username),
                     SASL_ERROR_NONE);
    const struct scram_keys keys = {
        .is_known = is_known,
        .salt = buffer_span(&salt),
        .iterations = 4096,
        .stored_key = stored_key,
        .server_key = server_key,
    };
    assert_int_equal(scram_server_first(s, &keys, span_of(e->server_nonce), (struct span){0}, &n->out),
                     SASL_ERROR_NONE);
    buffer_fini(&salt);
}

static void play_end(struct scram *s, struct names *n)
{
    scram_fini(s);
    names_fini(n);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const struct example *e = &examples[i];
        struct scram s;
        struct names n;

        play_start(e, true, &s, &n);
        assert_true(span_is(buffer_span(&n.username), "user"));
        assert_int_equal(n.authzid.len, 0);
        assert_true(span_equal(buffer_span(&n.out), span_of(e->server_first)));
        buffer_clear(&n.out);
        assert_int_equal(scram_client_final(&s, span_of(e->client_final), &n.out), SASL_ERROR_NONE);
        assert_true(span_equal(buffer_span(&n.out), span_of(e->server_final)));
        play_end(&s, &n);
    }
}

/* The right proof for a user that is not known must not pass, and gets no server signature. */
static void test_right_proof_of_unknown_user(void **state)
{
    struct scram s;
    struct names n;

    (void)state;
    play_start(&examples[1], false, &s, &n);
    buffer_clear(&n.out);
    assert_int_equal(scram_client_final(&s, span_of(examples[1].client_final), &n.out), SASL_NOT_AUTHORIZED);
    assert_int_equal(n.out.len, 0);
    play_end(&s, &n);
}

struct first_row {
    const char *name;
    const char *message;
    enum sasl_error error;
    const char *username, *authzid; /* when there is no error */
};

static const struct first_row first_rows[] = {
    {"plain", "n,,n=user,r=abc", SASL_ERROR_NONE, "user", ""},
    {"client could bind, server does not offer", "y,,n=user,r=abc", SASL_ERROR_NONE, "user", ""},
    {"authzid", "n,a=me@x,n=user,r=abc", SASL_ERROR_NONE, "user", "me@x"},
    {"escapes", "n,a==2C=3D,n=a=2Cb=3Dc,r=abc", SASL_ERROR_NONE, "a,b=c", ",="},
    {"escape of an escape", "n,,n==3D2C,r=abc", SASL_ERROR_NONE, "=2C", ""},
    {"extension", "n,,n=user,r=abc,x=1", SASL_ERROR_NONE, "user", ""},
    {"two extensions", "n,,n=user,r=abc,x=1,y==", SASL_ERROR_NONE, "user", ""},
    {"nonce with an equals sign", "n,,n=user,r==", SASL_ERROR_NONE, "user", ""},
    {"empty", "", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"unknown flag", "x,,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"long flag", "nn,,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no flag", ",,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no header", "n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"GSS flag", "F,n,,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"binding without -PLUS", "p=tls-exporter,,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"binding without a type", "p=,,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"empty authzid", "n,a=,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no authzid but something", "n,b=x,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"bad escape in authzid", "n,a=x=2c,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"mandatory extension", "n,,m=x,n=user,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"mandatory extension at the end", "n,,n=user,r=abc,m=x", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no name", "n,,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"empty name", "n,,n=,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"bad escape", "n,,n=a=b,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"escape in lower case", "n,,n=a=2cb,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"escape cut short", "n,,n=a=2,r=abc", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no nonce", "n,,n=user", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"no nonce but a comma", "n,,n=user,", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"empty nonce", "n,,n=user,r=", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"nonce with a space", "n,,n=user,r=a b", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"nonce with a control", "n,,n=user,r=a\x7F", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"nonce beyond ASCII", "n,,n=user,r=\xC3\xA9", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"names the wrong way round", "n,,r=abc,n=user", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"comma at the end", "n,,n=user,r=abc,", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"extension without value", "n,,n=user,r=abc,x=", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"extension without a name", "n,,n=user,r=abc,=1", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"extension named by a digit", "n,,n=user,r=abc,1=1", SASL_MALFORMED_REQUEST, NULL, NULL},
    {"empty extension between", "n,,n=user,r=abc,,x=1", SASL_MALFORMED_REQUEST, NULL, NULL},
};

static void test_client_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(first_rows) / sizeof(first_rows[0]); i++) {
        const struct first_row *row = &first_rows[i];
        struct scram s;
        struct names n;

        scram_init(&s, SASL_SHA_256);
        names_init(&n);
        enum sasl_error error =
            scram_client_first(&s, span_of(row->message), &plain_offer, &n.authzid, &n.username);
        if (error != row->error)
            fail_msg("%s: %d", row->name, (int)error);
        if (!error && (!span_equal(buffer_span(&n.username), span_of(row->username)) ||
                       !span_equal(buffer_span(&n.authzid), span_of(row->authzid))))
            fail_msg("%s: other names", row->name);
        play_end(&s, &n);
    }
}

struct binding_row {
    const char *name;
    const char *flag;
    bool is_plus, is_plus_offered, has_exporter, has_end_point;
    enum sasl_error error;
    const char *bound; /* the binding that c= must carry */
};

static const struct binding_row binding_rows[] = {
    {"exporter", "p=tls-exporter", true, true, true, true, SASL_ERROR_NONE, "EXPORTER"},
    {"end point", "p=tls-server-end-point", true, true, true, true, SASL_ERROR_NONE, "ENDPOINT"},
    {"no exporter here", "p=tls-exporter", true, true, false, true, SASL_NOT_AUTHORIZED, NULL},
    {"no end point here", "p=tls-server-end-point", true, true, true, false, SASL_NOT_AUTHORIZED, NULL},
    {"tls-unique", "p=tls-unique", true, true, true, true, SASL_NOT_AUTHORIZED, NULL},
    {"a longer name", "p=tls-exporter2", true, true, true, true, SASL_NOT_AUTHORIZED, NULL},
    {"-PLUS without binding", "n", true, true, true, true, SASL_MALFORMED_REQUEST, NULL},
    {"-PLUS and y", "y", true, true, true, true, SASL_MALFORMED_REQUEST, NULL},
    {"downgrade", "y", false, true, true, true, SASL_NOT_AUTHORIZED, NULL},
    {"y, and none offered", "y", false, false, false, false, SASL_ERROR_NONE, ""},
    {"n, and one offered", "n", false, true, true, true, SASL_ERROR_NONE, ""},
    {"binding without -PLUS", "p=tls-exporter", false, true, true, true, SASL_MALFORMED_REQUEST, NULL},
};

static void test_bindings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(binding_rows) / sizeof(binding_rows[0]); i++) {
        const struct binding_row *row = &binding_rows[i];
        struct sasl_bindings bindings = {
            .is_tls = true,
            .tls_exporter_len = row->has_exporter ? 8 : 0,
            .tls_server_end_point_len = row->has_end_point ? 8 : 0,
            .tls_exporter = "EXPORTER",
            .tls_server_end_point = "ENDPOINT",
        };
        struct scram_offer offer = {row->is_plus, row->is_plus_offered, &bindings};
        char message[128], expected[128];
        struct scram s;
        struct names n;

        snprintf(message, sizeof(message), "%s,a=u@x,n=user,r=abc", row->flag);
        snprintf(expected, sizeof(expected), "%s,a=u@x,%s", row->flag, row->bound ? row->bound : "");
        scram_init(&s, SASL_SHA_256);
        names_init(&n);
        enum sasl_error error = scram_client_first(&s, span_of(message), &offer, &n.authzid, &n.username);
        if (error != row->error)
            fail_msg("%s: %d", row->name, (int)error);
        if (!error && !span_equal(buffer_span(&s.cbind_input), span_of(expected)))
            fail_msg("%s: bound to something else", row->name);
        play_end(&s, &n);
    }
}

#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

struct final_row {
    const char *name;
    const char *message;
    enum sasl_error error;
};

static const struct final_row final_rows[] = {
    {"good", "c=biws,r=" NONCE ",p=" PROOF, SASL_ERROR_NONE},
    {"other proof", "c=biws,r=" NONCE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", SASL_NOT_AUTHORIZED},
    {"other header", "c=eSws,r=" NONCE ",p=" PROOF, SASL_NOT_AUTHORIZED},
    {"header and more", "c=biwsYQ==,r=" NONCE ",p=" PROOF, SASL_NOT_AUTHORIZED},
    {"the client's nonce only", "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" PROOF, SASL_NOT_AUTHORIZED},
    {"nonce and more", "c=biws,r=" NONCE "x,p=" PROOF, SASL_NOT_AUTHORIZED},
    {"other server nonce", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1,p=" PROOF,
     SASL_NOT_AUTHORIZED},
    {"an extension the proof does not cover", "c=biws,r=" NONCE ",x=1,p=" PROOF, SASL_NOT_AUTHORIZED},
    {"mandatory extension", "c=biws,r=" NONCE ",m=1,p=" PROOF, SASL_MALFORMED_REQUEST},
    {"mandatory extension in front", "m=1,c=biws,r=" NONCE ",p=" PROOF, SASL_MALFORMED_REQUEST},
    {"extension behind the proof", "c=biws,r=" NONCE ",p=" PROOF ",x=1", SASL_MALFORMED_REQUEST},
    {"comma at the end", "c=biws,r=" NONCE ",p=" PROOF ",", SASL_MALFORMED_REQUEST},
    {"no proof", "c=biws,r=" NONCE, SASL_MALFORMED_REQUEST},
    {"empty proof", "c=biws,r=" NONCE ",p=", SASL_MALFORMED_REQUEST},
    {"proof of an equals sign", "c=biws,r=" NONCE ",p==", SASL_MALFORMED_REQUEST},
    {"proof too short", "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9yta=", SASL_MALFORMED_REQUEST},
    {"proof of SHA-1's size", "c=biws,r=" NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", SASL_MALFORMED_REQUEST},
    {"proof too long", "c=biws,r=" NONCE ",p=AAAA" PROOF, SASL_MALFORMED_REQUEST},
    {"proof not base64",
     "c=biws,r=" NONCE ",p=*HzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", SASL_MALFORMED_REQUEST},
    {"proof unpadded", "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ",
     SASL_MALFORMED_REQUEST},
    {"no binding", "r=" NONCE ",p=" PROOF, SASL_MALFORMED_REQUEST},
    {"empty binding", "c=,r=" NONCE ",p=" PROOF, SASL_MALFORMED_REQUEST},
    {"no nonce", "c=biws,p=" PROOF, SASL_MALFORMED_REQUEST},
    {"the wrong way round", "r=" NONCE ",c=biws,p=" PROOF, SASL_MALFORMED_REQUEST},
    {"empty", "", SASL_MALFORMED_REQUEST},
    {"commas", ",,,", SASL_MALFORMED_REQUEST},
};

static void test_client_final(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(final_rows) / sizeof(final_rows[0]); i++) {
        struct scram s;
        struct names n;

        play_start(&examples[1], true, &s, &n);
        buffer_clear(&n.out);
        enum sasl_error error = scram_client_final(&s, span_of(final_rows[i].message), &n.out);
        if (error != final_rows[i].error)
            fail_msg("%s: %d", final_rows[i].name, (int)error);
        if (error && n.out.len > 0)
            fail_msg("%s: refused and answered", final_rows[i].name);
        play_end(&s, &n);
    }
}

/* Extensions are ignored, but signed. */
static void test_signed_extension(void **state)
{
    const struct example *e = &examples[1];
    struct buffer final, expected;
    struct scram s;
    struct names n;

    (void)state;
    buffer_init(&final);
    buffer_init(&expected);
    play_start(e, true, &s, &n);
    client_final(CLIENT_SHA_256, "pencil", span_of(e->client_first + 3), buffer_span(&n.out), SPAN("n,,"),
                 ",x=1,y=z=", &final, &expected);
    buffer_clear(&n.out);
    assert_int_equal(scram_client_final(&s, buffer_span(&final), &n.out), SASL_ERROR_NONE);
    assert_true(span_equal(buffer_span(&n.out), buffer_span(&expected)));
    play_end(&s, &n);
    buffer_fini(&final);
    buffer_fini(&expected);
}

/* Both messages at every prefix, at an unreadable page: only the whole is taken. */
static void test_prefixes_at_guard_page(void **state)
{
    const struct example *e = &examples[1];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t header = strlen("n,,n=user,r=");
    char *room = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct scram s;
    struct names n;

    (void)state;
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + page, page, PROT_NONE), 0);
    for (size_t len = 0; len <= strlen(e->client_first); len++) {
        char *at = memcpy(room + page - len, e->client_first, len);

        scram_init(&s, SASL_SHA_256);
        names_init(&n);
        assert_int_equal(scram_client_first(&s, span_make(at, len), &plain_offer, &n.authzid, &n.username),
                         len > header ? SASL_ERROR_NONE : SASL_MALFORMED_REQUEST);
        play_end(&s, &n);
    }
    for (size_t len = 0; len <= strlen(e->client_final); len++) {
        char *at = memcpy(room + page - len, e->client_final, len);

        play_start(e, true, &s, &n);
        buffer_clear(&n.out);
        assert_int_equal(scram_client_final(&s, span_make(at, len), &n.out),
                         len == strlen(e->client_final) ? SASL_ERROR_NONE : SASL_MALFORMED_REQUEST);
        play_end(&s, &n);
    }
    munmap(room, 2 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_right_proof_of_unknown_user),
        cmocka_unit_test(test_client_first),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_client_final),
        cmocka_unit_test(test_signed_extension),
        cmocka_unit_test(test_prefixes_at_guard_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
