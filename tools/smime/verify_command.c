/* SPDX-License-Identifier: Apache-2.0 */
/* verify: a verdict in one line. */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "commands.h"
#include "files.h"
#include "object.h"
#include "parties.h"
#include "smime/verify.h"
#include "state.h"

static void verdict_print(struct buffer *out, const struct smime_verdict *v, const struct object *b)
{
    static const char *const forms[] = {
        [SMIME_FORM_NONE] = NULL,
        [SMIME_FORM_SIGNED] = "signed",
        [SMIME_FORM_OPAQUE] = "opaque",
        [SMIME_FORM_ENCRYPTED] = "encrypted",
    };
    static const char *const contents[] = {
        [SMIME_CONTENT_OTHER] = NULL,
        [SMIME_CONTENT_MESSAGE] = "message",
        [SMIME_CONTENT_PRESENCE] = "presence",
        [SMIME_CONTENT_STANZA] = "stanza",
    };
    static const char *const ekus[] = {
        [SMIME_EKU_IM] = "im",
        [SMIME_EKU_IM_MIXED] = "im-mixed",
        [SMIME_EKU_LEGACY] = "legacy",
    };
    buffer_printf(out, "%s %s", v->reason == SMIME_OK ? "valid" : "refused", smime_reason_name(v->reason));
    if (v->has_signer) {
        char key[2 * sizeof v->key_id + 1];
        hex_write(v->key_id, sizeof v->key_id, key);
        if (*v->jid)
            buffer_printf(out, " jid=%s", v->jid);
        buffer_printf(out, " key=sha-256:%s", key);
    }
    if (v->has_stamp) {
        char time[MOMENT_BYTES];
        moment_write(v->stamp, time);
        buffer_printf(out, " time=%s", time);
    }
    if (contents[v->content])
        buffer_printf(out, " content=%s", contents[v->content]);
    if (v->has_signer)
        buffer_printf(out, " eku=%s", ekus[v->eku]);
    if (forms[v->form])
        buffer_printf(out, " form=%s", forms[v->form]);
    if (b->has_stanza && b->stanza.has_body)
        buffer_literal(out, " beside=body"); /* which nothing protects */
    buffer_append_char(out, '\n');
}

/* -1: go on, else the exit status. */
static int trust_read(const struct options *o, enum smime_purpose purpose, struct smime_trust **ret_trust)
{
    struct smime_trust_settings settings = {
        .purpose = purpose,
        .legacy_algorithms = option_is_given(o, OPTION_LEGACY_ALGORITHMS),
    };
    struct buffer anchors, intermediates, crls, message;
    buffer_init(&anchors);
    buffer_init(&intermediates);
    buffer_init(&crls);
    buffer_init(&message);
    int status = pem_read(o, OPTION_CA, &anchors);
    if (status < 0)
        status = pem_read(o, OPTION_INTERMEDIATES, &intermediates);
    if (status < 0)
        status = pem_read(o, OPTION_CRL, &crls);
    if (status < 0) {
        int error = smime_trust_new(&settings, buffer_span(&anchors), buffer_span(&intermediates),
                                    buffer_span(&crls), ret_trust, &message);
        if (error && message.len)
            status = fail(EXIT_USAGE, NULL, buffer_span(&message));
        else if (error)
            status = fail_errno(EXIT_USAGE, option_value(o, OPTION_CA), error);
    }
    buffer_fini(&anchors);
    buffer_fini(&intermediates);
    buffer_fini(&crls);
    buffer_fini(&message);
    return status;
}

static enum smime_purpose purpose_of(const char *mode)
{
    if (mode && strcmp(mode, "strict") == 0)
        return SMIME_PURPOSE_STRICT;
    return mode && strcmp(mode, "legacy") == 0 ? SMIME_PURPOSE_LEGACY : SMIME_PURPOSE_REQUIRE;
}

/* Seen before, or not of now (RFC 3923 s. 6.9)? -1, or the exit status. */
static int freshness_judge(const struct options *o, const struct smime_claim *claim, struct smime_verdict *v)
{
    struct span to = jid_bare(&claim->to);
    struct freshness_item item = {.key_id = v->key_id,
                                  .from = jid_full(&claim->from),
                                  .to = to,
                                  .stamp = v->stamp,
                                  .digest = v->digest};
    struct state state;
    int status = -1, error = state_open(&state, option_value(o, OPTION_STATE));
    if (error == -EINVAL)
        status = fail(EXIT_USAGE, state.path, SPAN("not what --state writes"));
    else if (error)
        status = fail_errno(EXIT_USAGE, state.path, error);
    if (!error) {
        v->reason = freshness_check(state.seen, &item, claim->now, claim->is_strict);
        if (v->reason == SMIME_OK && (error = state_save(&state)))
            status = fail_errno(EXIT_USAGE, state.path, error);
    }
    state_close(&state);
    return status;
}

/* What the stanza says by itself, before anything within it is looked at. SMIME_OK: go on. */
static enum smime_reason stanza_judge(const struct options *o, const struct object *b)
{
    if (!b->has_stanza)
        return SMIME_OK;
    if (b->stanza.object_count == 0)
        return SMIME_NO_SIGNATURE;
    if (b->stanza.object_count > 1) /* which of them would be shown? */
        return SMIME_BAD_MIME;
    /* only directed presence can be signed (RFC 3923 s. 4.1) */
    if (span_is(b->stanza.kind, "presence") && !b->stanza.to.ptr && !option_is_given(o, OPTION_TO))
        return SMIME_INNER_TO_MISMATCH;
    return SMIME_OK;
}

/* -1 with a verdict, or the exit status. */
static int judge(const struct options *o, const struct smime_trust *trust, struct smime_claim *claim,
                 struct object *b, struct smime_verdict *v)
{
    const char *as = option_value(o, OPTION_AS);
    enum xml_error why;
    int error = object_read(b, &why);
    if (error == -EFBIG)
        v->reason = SMIME_TOO_LARGE;
    else if (error == STANZA_BAD)
        v->reason = SMIME_BAD_MIME;
    else if (error)
        return fail_errno(EXIT_USAGE, "standard input", error);
    else
        v->reason = stanza_judge(o, b);
    if (error == STANZA_BAD)
        fail(EXIT_REFUSED, "standard input", span_of(stanza_error_text(why)));
    if (v->reason != SMIME_OK)
        return -1;
    struct parties parties = {0};
    int status = parties_read(o, b->stanza.from, b->stanza.to, &parties);
    if (status == EXIT_REFUSED) /* the stanza's own are no JIDs: nobody's certificate has them */
        v->reason = parties.from.text ? SMIME_INNER_TO_MISMATCH : SMIME_NAME_MISMATCH;
    if (status >= 0)
        return status == EXIT_REFUSED ? -1 : status;
    claim->from = parties.from;
    claim->to = parties.to;
    claim->is_presence =
        b->has_stanza ? span_is(b->stanza.kind, "presence") : as && strcmp(as, "presence") == 0;
    error = smime_verify(trust, NULL, claim, b->text, v);
    if (error)
        return fail_errno(EXIT_USAGE, "standard input", error);
    return v->reason == SMIME_OK ? freshness_judge(o, claim, v) : -1;
}

int command_verify(const struct options *o)
{
    struct smime_trust *trust = NULL;
    struct smime_claim claim = {0};
    struct smime_verdict verdict = {0};
    struct object b;
    struct buffer line;
    enum smime_purpose purpose = purpose_of(option_value(o, OPTION_MODE));
    object_init(&b);
    buffer_init(&line);
    claim.is_strict = purpose == SMIME_PURPOSE_STRICT;
    int status = now_read(o, &claim.now);
    if (status < 0)
        status = trust_read(o, purpose, &trust);
    if (status < 0)
        status = judge(o, trust, &claim, &b, &verdict);
    if (status < 0) {
        verdict_print(&line, &verdict, &b);
        status = output_write(buffer_span(&line)) ? EXIT_USAGE
                 : verdict.reason == SMIME_OK     ? EXIT_DONE
                                                  : EXIT_REFUSED;
    }
    smime_trust_unref(trust);
    buffer_fini(&line);
    object_fini(&b);
    return status;
}
