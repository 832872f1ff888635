/* SPDX-License-Identifier: Apache-2.0 */
/* The record layer under a hostile peer, of two kinds. A stranger on the path: arbitrary bytes, of which none
 * may pass. A client that holds the keys: properly sealed records of arbitrary content.
 *
 * Input: one byte of mode (bit 0: sealed, bit 1: TLS 1.2, bits 2 and 3: suite). Unsealed: the stream. Sealed:
 * records of {16-bit length, outer type, text}. */
#include <assert.h>
#include <stdlib.h>

#include "../tls/raw.h"
#include "tls/record.h"

#ifdef NDEBUG
#error "this target finds nothing without its assertions"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct record_worker *worker;

struct target {
    struct record *record;
    struct raw_key seal, open;
};

static struct target target_make(uint8_t mode)
{
    static const enum tls_suite suites[4] = {TLS_AES_128_GCM, TLS_AES_256_GCM, TLS_CHACHA20_POLY1305,
                                             TLS_AES_128_GCM};
    struct tls_secrets s;
    raw_secrets_make(&s, mode & 2 ? 0x0303 : 0x0304, suites[mode >> 2 & 3]);
    struct target t = {record_user_new(&s), raw_client_seal_key(&s), raw_client_open_key(&s)};
    assert(t.record);
    return t;
}

/* A well-behaved client reads all we answered: records that it can open, nothing else. */
static void reply_check(struct target *t, const struct buffer *reply)
{
    struct span left = buffer_span(reply);
    while (left.len > 0) {
        struct buffer content = {0};
        uint8_t type;
        bool is_authentic = raw_open(&t->open, &left, &type, &content);
        assert(is_authentic);
        if (type == 22) {
            assert(span_equal(buffer_span(&content), span_make("\x18\0\0\1\0", 5)));
            raw_key_update(&t->open);
        } else {
            assert(type == 21 && content.len == 2);
        }
        buffer_fini(&content);
    }
}

/* Open all of `in`, which is copied to where the sanitizer guards its end; whether anything was accepted. */
static bool stream_open(struct target *t, struct span in, struct buffer *ret_plain)
{
    struct buffer reply = {0};
    char *copy = malloc(in.len + 1);
    bool is_accepted = false;
    int outcome = 0;

    for (size_t at = 0; outcome == 0 || outcome == RECORD_REPLY;) {
        struct span plain = {0};
        size_t used = 0, len = in.len - at;
        copy = realloc(copy, len ? len : 1);
        if (len > 0)
            memcpy(copy, in.ptr + at, len);
        buffer_clear(&reply);
        outcome = record_open(t->record, worker, copy, len, &plain, &used, &reply);
        assert(outcome >= 0 && outcome <= RECORD_REPLY);
        assert(used <= len && (outcome == RECORD_MORE ? used == 0 : true));
        assert((reply.len > 0) == (outcome == RECORD_REPLY));
        if (outcome == 0) {
            assert(plain.len == 0 || (plain.ptr >= copy && plain.ptr + plain.len <= copy + used));
            buffer_append(ret_plain, plain);
        }
        if (outcome == 0 || outcome == RECORD_REPLY) {
            assert(used > 0);
            is_accepted = true;
        }
        if (outcome == RECORD_BAD)
            record_alert(t->record, worker, record_bad_alert(t->record), &reply);
        reply_check(t, &reply);
        at += used;
    }
    free(copy);
    buffer_fini(&reply);
    return is_accepted;
}

/* Seal records as the input tells. */
static void stream_seal(struct target *t, const uint8_t *data, size_t size, struct buffer *out)
{
    while (size >= 3) {
        size_t len = (size_t)data[0] << 8 | data[1];
        uint8_t type = data[2];
        data += 3;
        size -= 3;
        len = len < size ? len : size;
        raw_seal(&t->seal, type, span_make((const char *)data, len), out);
        /* Follow our own KeyUpdate, so that what comes behind can be reached. */
        if (t->seal.version == 0x0304 && len >= 6 && memcmp(data, "\x18\0\0\1", 4) == 0 && data[4] <= 1 &&
            data[5] == 22)
            raw_key_update(&t->seal);
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!worker)
        worker = record_worker_new();
    if (size == 0)
        return 0;
    struct target t = target_make(data[0]);
    struct buffer wire = {0}, plain = {0};
    if (data[0] & 1) {
        stream_seal(&t, data + 1, size - 1, &wire);
        stream_open(&t, buffer_span(&wire), &plain);
        assert(plain.len <= size);
    } else {
        bool is_accepted = stream_open(&t, span_make((const char *)data + 1, size - 1), &plain);
        assert(!is_accepted && plain.len == 0);
    }
    record_free(t.record);
    buffer_fini(&wire);
    buffer_fini(&plain);
    return 0;
}
