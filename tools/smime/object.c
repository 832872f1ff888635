/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>

#include "files.h"
#include "smime/verify.h"

void object_init(struct object *b)
{
    *b = (struct object){0};
    buffer_init(&b->in);
    arena_init(&b->arena);
}

void object_fini(struct object *b)
{
    buffer_fini(&b->in);
    arena_fini(&b->arena);
}

int object_read(struct object *b, enum xml_error *ret_error)
{
    *ret_error = XML_ERROR_NONE;
    int error = input_read(&b->in);
    if (error)
        return error;
    b->text = buffer_span(&b->in);
    if (!stanza_is(b->text))
        return 0;
    error = stanza_read(&b->arena, b->text, &b->stanza, ret_error);
    if (error)
        return error;
    b->has_stanza = true;
    b->text = b->stanza.object;
    return 0;
}

int object_read_whole(struct object *b)
{
    enum xml_error why;
    int error = object_read(b, &why);
    if (error == STANZA_BAD)
        return fail(EXIT_REFUSED, "standard input", span_of(stanza_error_text(why)));
    if (error)
        return fail_errno(EXIT_REFUSED, "standard input", error);
    if (b->has_stanza && b->stanza.object_count != 1)
        return fail(EXIT_REFUSED, "standard input",
                    b->stanza.object_count ? SPAN("the stanza has more than one <e2e/>")
                                           : SPAN("the stanza has no <e2e/>"));
    if (b->text.len == 0)
        return fail(EXIT_REFUSED, "standard input", SPAN("there is nothing"));
    return -1;
}

/* Text that XML has no characters for cannot stand in a stanza. */
static int stanza_write_checked(const struct object *b, struct span object)
{
    struct buffer out;
    struct stanza again;
    struct arena arena;
    enum xml_error why;
    buffer_init(&out);
    arena_init(&arena);
    stanza_rewrite(&out, &b->stanza, object);
    int status;
    if (!buffer_ok(&out))
        status = fail_errno(EXIT_REFUSED, "standard output", -ENOMEM);
    else if (stanza_read(&arena, buffer_span(&out), &again, &why))
        status = fail(EXIT_REFUSED, "standard output",
                      SPAN("what is within cannot stand in a stanza: --object writes it without"));
    else
        status = output_write(buffer_span(&out));
    arena_fini(&arena);
    buffer_fini(&out);
    return status;
}

int object_write(const struct object *b, bool is_bare, struct span object)
{
    if (is_bare || !b->has_stanza)
        return output_write(object);
    if (object.len > SMIME_TEXT_BYTES_MAX)
        return fail(EXIT_REFUSED, "standard output", SPAN("larger than readers take: 65,536 octets"));
    return stanza_write_checked(b, object);
}
