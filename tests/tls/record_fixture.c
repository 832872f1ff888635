/* SPDX-License-Identifier: Apache-2.0 */
#include "record_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

const struct suite_row suites[SUITES] = {
    {"1.3 AES-128-GCM", TLS13, TLS_AES_128_GCM},
    {"1.3 AES-256-GCM", TLS13, TLS_AES_256_GCM},
    {"1.3 ChaCha20-Poly1305", TLS13, TLS_CHACHA20_POLY1305},
    {"1.2 AES-128-GCM", TLS12, TLS_AES_128_GCM},
    {"1.2 AES-256-GCM", TLS12, TLS_AES_256_GCM},
    {"1.2 ChaCha20-Poly1305", TLS12, TLS_CHACHA20_POLY1305},
};

struct record_worker *worker;
char filler[20000];

int worker_make(void **state)
{
    (void)state;
    worker = record_worker_new();
    for (size_t i = 0; i < sizeof(filler); i++)
        filler[i] = (char)(i * 31 + i / 257 + 1);
    return worker ? 0 : -1;
}

int worker_drop(void **state)
{
    (void)state;
    worker = record_worker_free(worker);
    return 0;
}

struct fixture fixture_of(const struct tls_secrets *s)
{
    struct fixture f = {record_user_new(s), raw_client_seal_key(s), raw_client_open_key(s)};
    assert_non_null(f.record);
    return f;
}

struct fixture fixture_make(uint16_t version, enum tls_suite suite)
{
    struct tls_secrets s;
    raw_secrets_make(&s, version, suite);
    return fixture_of(&s);
}

int seal(struct record *r, struct span plain, struct buffer *out)
{
    size_t len = 0;
    char *space = malloc(record_sealed_bytes(r, plain.len));
    if (plain.len > 0)
        memcpy(space + record_head_bytes(r), plain.ptr, plain.len);
    int outcome = record_seal(r, worker, space, plain.len, &len, out);
    if (outcome == 0) {
        assert_int_equal(len, record_sealed_bytes(r, plain.len));
        buffer_append(out, span_make(space, len));
    }
    free(space);
    return outcome;
}

int open_guarded(struct record *r, struct span in, struct buffer *ret_plain, size_t *ret_used,
                 struct buffer *reply)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (in.len / page + 1) * page;
    char *base = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + room, page, PROT_NONE), 0);
    char *copy = base + room - in.len;
    struct span plain = {0};
    if (in.len > 0)
        memcpy(copy, in.ptr, in.len);
    int outcome = record_open(r, worker, copy, in.len, &plain, ret_used, reply);
    if (outcome == 0)
        buffer_append(ret_plain, plain);
    munmap(base, room + page);
    return outcome;
}

void data_passes(struct fixture *f, const char *name)
{
    struct buffer wire = {0}, got = {0}, reply = {0};
    size_t used;
    uint8_t type;
    raw_seal_content(&f->seal, DATA, SPAN("to the server"), 0, &wire);
    if (open_guarded(f->record, buffer_span(&wire), &got, &used, &reply) != 0 ||
        !span_is(buffer_span(&got), "to the server"))
        fail_msg("%s: to the server", name);
    buffer_clear(&wire);
    buffer_clear(&got);
    assert_int_equal(seal(f->record, SPAN("to the client"), &wire), 0);
    struct span left = buffer_span(&wire);
    if (!raw_open(&f->open, &left, &type, &got) || !span_is(buffer_span(&got), "to the client"))
        fail_msg("%s: to the client", name);
    assert_int_equal(left.len, 0);
    buffer_fini(&wire);
    buffer_fini(&got);
    buffer_fini(&reply);
}
