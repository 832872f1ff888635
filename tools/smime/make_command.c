/* SPDX-License-Identifier: Apache-2.0 */
/* sign, encrypt: what becomes of content on its way to an object and a stanza. decrypt: back by one step. certreq. */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "content.h"
#include "files.h"
#include "object.h"
#include "smime/make.h"
#include "smime/mime.h"
#include "smime/verify.h"

/* What a room's function says of a failure, or the errno. */
static int fail_message(const struct buffer *message, const char *about, int error)
{
    return message->len ? fail(EXIT_REFUSED, about, buffer_span(message))
                        : fail_errno(EXIT_REFUSED, about, error);
}

/* -1, or the exit status. */
static int identity_read(const struct options *o, struct smime_identity **ret_identity)
{
    struct buffer certificate, key, chain, message;
    buffer_init(&certificate);
    buffer_init(&key);
    buffer_init(&chain);
    buffer_init(&message);
    int status = pem_read(o, OPTION_CERT, &certificate);
    if (status < 0)
        status = key_read(o, &key);
    if (status < 0)
        status = pem_read(o, OPTION_CHAIN, &chain);
    if (status < 0) {
        int error = smime_identity_new(buffer_span(&certificate), buffer_span(&key), buffer_span(&chain),
                                       ret_identity, &message);
        if (error) {
            struct span what = buffer_span(&message); /* it says first which of them it is about */
            enum option_id about = span_starts(what, SPAN("certificate")) ? OPTION_CERT
                                   : span_starts(what, SPAN("chain"))     ? OPTION_CHAIN
                                                                          : OPTION_KEY;
            fail_message(&message, option_value(o, about), error);
            status = EXIT_USAGE;
        }
    }
    if (key.ptr)
        explicit_bzero(key.ptr, key.cap);
    buffer_fini(&certificate);
    buffer_fini(&key);
    buffer_fini(&chain);
    buffer_fini(&message);
    return status;
}

/* `entity` becomes what is signed around it. -1, or the exit status. */
static int entity_sign(const struct options *o, struct buffer *entity)
{
    struct smime_identity *signer;
    int status = identity_read(o, &signer);
    if (status >= 0)
        return status;
    struct smime_sign_options how = {
        .is_opaque = option_is_given(o, OPTION_OPAQUE),
        .without_certificate = option_is_given(o, OPTION_NO_CERTS),
        .legacy = option_is_given(o, OPTION_LEGACY_ALGORITHMS),
        .pss = option_is_given(o, OPTION_PSS),
    };
    struct buffer out, message;
    buffer_init(&out);
    buffer_init(&message);
    int error = smime_sign(signer, &how, buffer_span(entity), &out, &message);
    if (error)
        status = fail_message(&message, option_value(o, OPTION_CERT), error);
    smime_identity_free(signer);
    buffer_fini(&message);
    buffer_fini(entity);
    *entity = out;
    return status;
}

/* The same for what is encrypted. */
static int entity_encrypt(const struct options *o, struct buffer *entity)
{
    struct buffer recipients, out, message;
    buffer_init(&recipients);
    buffer_init(&out);
    buffer_init(&message);
    struct smime_encrypt_options how = {.legacy = option_is_given(o, OPTION_LEGACY_ALGORITHMS)};
    int status = pem_read(o, OPTION_RECIP, &recipients);
    if (status < 0) {
        int error = smime_encrypt(buffer_span(&recipients), &how, buffer_span(entity), &out, &message);
        if (error)
            status = fail_message(&message, option_value(o, OPTION_RECIP), error);
    }
    buffer_fini(&recipients);
    buffer_fini(&message);
    buffer_fini(entity);
    *entity = out;
    return status;
}

/* Options that mean nothing without another. */
static int options_check(const struct options *o)
{
    static const enum option_id of_content[] = {OPTION_FROM, OPTION_TO, OPTION_NOW, OPTION_BASIC,
                                                OPTION_BARE, OPTION_IN, OPTION_BODY};
    static const enum option_id of_signing[] = {OPTION_KEY,    OPTION_CERT,     OPTION_CHAIN,
                                                OPTION_OPAQUE, OPTION_NO_CERTS, OPTION_PSS};
    for (size_t i = 0; i < sizeof of_content / sizeof *of_content; i++)
        if (option_is_given(o, of_content[i]) && !option_is_given(o, OPTION_AS))
            return fail_usage("--from, --to, --now, --basic, --bare, --in and --body need --as", NULL);
    if (option_is_given(o, OPTION_BODY) && option_is_given(o, OPTION_OBJECT))
        return fail_usage("--body and --object exclude each other", NULL);
    if (o->command == COMMAND_SIGN)
        return -1;
    bool is_signing = option_is_given(o, OPTION_SIGN);
    for (size_t i = 0; i < sizeof of_signing / sizeof *of_signing; i++)
        if (option_is_given(o, of_signing[i]) && !is_signing)
            return fail_usage("--key, --cert, --chain, --opaque, --no-certs and --pss need --sign", NULL);
    if (is_signing && !(option_is_given(o, OPTION_KEY) && option_is_given(o, OPTION_CERT)))
        return fail_usage("--sign needs --key and --cert", NULL);
    return -1;
}

/* A MIME entity, as it is on standard input. */
static int entity_read(struct object *b, struct buffer *entity)
{
    int status = object_read_whole(b);
    if (status >= 0)
        return status;
    struct mime_entity unused;
    if (smime_canonical(b->text, entity))
        return fail_errno(EXIT_REFUSED, "standard input", -ENOMEM);
    if (mime_read(buffer_span(entity), &unused))
        return fail(
            EXIT_REFUSED, "standard input",
            SPAN(
                "not a MIME object: header fields, a blank line, a body (text is signed with --as message)"));
    return -1;
}

static int content_read(const struct options *o, struct object *b, struct parties *p, struct buffer *entity,
                        struct stanza *ret_outline)
{
    int error = input_read(&b->in);
    if (error)
        return fail_errno(EXIT_REFUSED, "standard input", error);
    int status = content_make(o, &b->arena, buffer_span(&b->in), p, entity, ret_outline);
    if (status < 0 && !buffer_ok(entity))
        status = fail_errno(EXIT_REFUSED, "standard input", -ENOMEM);
    return status;
}

/* Content that was given: in a stanza of its own. */
static int content_write(const struct options *o, const struct stanza *outline, struct span object)
{
    if (object.len > SMIME_TEXT_BYTES_MAX)
        return fail(EXIT_REFUSED, "standard input",
                    SPAN("larger than readers take: 65,536 octets as an object"));
    if (option_is_given(o, OPTION_OBJECT))
        return output_write(object);
    const char *body = option_value(o, OPTION_BODY);
    struct buffer out;
    buffer_init(&out);
    stanza_write(&out, outline, body ? span_of(body) : (struct span){0}, object);
    int status = buffer_ok(&out) ? output_write(buffer_span(&out))
                                 : fail_errno(EXIT_REFUSED, "standard output", -ENOMEM);
    buffer_fini(&out);
    return status;
}

int command_make(const struct options *o)
{
    struct object b;
    struct parties parties;
    struct buffer entity;
    struct stanza outline;
    bool has_content = option_is_given(o, OPTION_AS);
    object_init(&b);
    buffer_init(&entity);
    int status = options_check(o);
    if (status < 0)
        status = has_content ? content_read(o, &b, &parties, &entity, &outline) : entity_read(&b, &entity);
    if (status < 0 && (o->command == COMMAND_SIGN || option_is_given(o, OPTION_SIGN)))
        status = entity_sign(o, &entity);
    if (status < 0 && o->command == COMMAND_ENCRYPT)
        status = entity_encrypt(o, &entity);
    if (status < 0)
        status = has_content ? content_write(o, &outline, buffer_span(&entity))
                             : object_write(&b, option_is_given(o, OPTION_OBJECT), buffer_span(&entity));
    buffer_fini(&entity);
    object_fini(&b);
    return status;
}

int command_decrypt(const struct options *o)
{
    struct smime_identity *recipient = NULL;
    struct object b;
    struct buffer canonical, out, message;
    object_init(&b);
    buffer_init(&canonical);
    buffer_init(&out);
    buffer_init(&message);
    int status = identity_read(o, &recipient);
    if (status < 0)
        status = object_read_whole(&b);
    if (status < 0 && smime_canonical(b.text, &canonical))
        status = fail_errno(EXIT_REFUSED, "standard input", -ENOMEM);
    if (status < 0) {
        int error = smime_decrypt(recipient, option_is_given(o, OPTION_LEGACY_ALGORITHMS),
                                  buffer_span(&canonical), &out, &message);
        if (error ==
            -EACCES) /* one line whatever the reason: who can ask again and again would learn from it */
            status = fail(EXIT_REFUSED, "standard input", SPAN("cannot be decrypted"));
        else if (error)
            status = fail_message(&message, "standard input", error);
        else
            status = object_write(&b, option_is_given(o, OPTION_OBJECT), buffer_span(&out));
    }
    if (out.ptr)
        explicit_bzero(out.ptr, out.cap);
    smime_identity_free(recipient);
    buffer_fini(&canonical);
    buffer_fini(&out);
    buffer_fini(&message);
    object_fini(&b);
    return status;
}

int command_certreq(const struct options *o)
{
    struct buffer key, out, message;
    buffer_init(&key);
    buffer_init(&out);
    buffer_init(&message);
    int status = key_read(o, &key);
    if (status < 0) {
        int error = smime_request(span_of(option_value(o, OPTION_JID)), buffer_span(&key), &out, &message);
        status = error ? fail_message(&message, option_value(o, OPTION_JID), error)
                       : output_write(buffer_span(&out));
    }
    if (key.ptr)
        explicit_bzero(key.ptr, key.cap);
    buffer_fini(&key);
    buffer_fini(&out);
    buffer_fini(&message);
    return status;
}
