/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the text of an end-to-end object, and as an entity that was within one: what is read stays within it, says the same when it is
 * put together again, and two parts that were signed lie within the body and are found there again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "smime/mime.h"

static void expect(bool fact)
{
    if (!fact)
        abort();
}

static void expect_within(struct span part, struct span whole)
{
    expect(part.ptr >= whole.ptr && part.len <= whole.len &&
           (size_t)(part.ptr - whole.ptr) <= whole.len - part.len);
}

/* Every line ends in CRLF, none but the last is without end; and made so again it is as it was. */
static void check_canonical(struct span canonical)
{
    struct buffer again = {0};
    for (size_t i = 0; i < canonical.len; i++) {
        expect(canonical.ptr[i] != '\n' || (i > 0 && canonical.ptr[i - 1] == '\r'));
        expect(canonical.ptr[i] != '\r' || (i + 1 < canonical.len && canonical.ptr[i + 1] == '\n'));
    }
    expect(smime_canonical(canonical, &again) == 0 && span_equal(buffer_span(&again), canonical));
    buffer_fini(&again);
}

static void check_decoded(const struct mime_entity *e)
{
    struct buffer out = {0};
    buffer_literal(&out, "before");
    int r = mime_decode(e, &out);
    expect(r == 0 || r == MIME_BAD);
    expect(span_starts(buffer_span(&out), SPAN("before")) && (r == 0 || out.len == 6));
    expect(out.len <= 6 + e->body.len);
    buffer_fini(&out);
}

/* The same two parts with nothing around them are the same two parts, and strictly so. */
static void check_again(const struct mime_entity *e, struct span content, const struct mime_entity *signature)
{
    char storage[MIME_BOUNDARY_BYTES_MAX];
    struct span boundary, parts[] = {content, signature->whole}, content_again;
    struct buffer out = {0};
    struct mime_entity again, signature_again;
    expect(mime_parameter(e, SPAN("boundary"), storage, sizeof storage, &boundary) == 0);
    buffer_append(&out, e->fields);
    for (int i = 0; i < 2; i++) {
        buffer_literal(&out, "\r\n--");
        buffer_append(&out, boundary);
        buffer_literal(&out, "\r\n");
        buffer_append(&out, parts[i]);
    }
    buffer_literal(&out, "\r\n--");
    buffer_append(&out, boundary);
    buffer_literal(&out, "--");
    expect(mime_read(buffer_span(&out), &again) == 0);
    expect(mime_split_signed(&again, true, &content_again, &signature_again) == 0);
    expect(span_equal(content_again, content) && span_equal(signature_again.whole, signature->whole));
    buffer_fini(&out);
}

static void check_entity(struct span bytes, unsigned depth);

static void check_parts(const struct mime_entity *e, unsigned depth)
{
    struct mime_entity signature, strict_signature;
    struct span content, strict_content;
    if (mime_split_signed(e, false, &content, &signature) != 0) {
        expect(mime_split_signed(e, true, &content, &signature) == MIME_BAD);
        return;
    }
    expect_within(content, e->body);
    expect_within(signature.whole, e->body);
    expect(content.ptr + content.len < signature.whole.ptr);
    if (mime_split_signed(e, true, &strict_content, &strict_signature) == 0) {
        expect(strict_content.ptr == content.ptr && strict_content.len == content.len);
        expect(strict_signature.whole.ptr == signature.whole.ptr);
    }
    if (e->whole.len + 16 < MIME_BYTES_MAX)
        check_again(e, content, &signature);
    check_entity(signature.whole, depth + 1);
    check_entity(content, depth + 1);
}

static void check_entity(struct span bytes, unsigned depth)
{
    char storage[MIME_BOUNDARY_BYTES_MAX];
    struct mime_entity e;
    struct span value;
    if (depth > MIME_DEPTH_MAX || mime_read(bytes, &e) != 0)
        return;
    expect(span_equal(e.whole, bytes));
    expect_within(e.fields, bytes);
    expect_within(e.body, bytes);
    expect(e.fields.ptr == bytes.ptr && e.body.ptr == e.fields.ptr + e.fields.len + 2);
    if (e.content_type.ptr) {
        expect_within(e.content_type, e.fields);
        expect_within(e.type, e.content_type);
        expect(mime_is(&e, e.type) && memchr(e.type.ptr, '/', e.type.len));
    }
    if (mime_parameter(&e, SPAN("Protocol"), storage, sizeof storage, &value) == 0)
        expect_within(value, span_make(storage, sizeof storage));
    check_decoded(&e);
    check_parts(&e, depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long as the input, so that a byte too far is seen. */
    char *bytes = malloc(size ? size : 1);
    struct buffer canonical = {0};
    if (size)
        memcpy(bytes, data, size);
    check_entity(span_make(bytes, size), 0);
    expect(smime_canonical(span_make(bytes, size), &canonical) == 0);
    char *exact = malloc(canonical.len ? canonical.len : 1);
    if (canonical.len)
        memcpy(exact, canonical.ptr, canonical.len);
    check_canonical(span_make(exact, canonical.len));
    check_entity(span_make(exact, canonical.len), 0);
    buffer_fini(&canonical);
    free(exact);
    free(bytes);
    return 0;
}
