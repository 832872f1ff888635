/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <stdio.h>
#include <strings.h>

#include <expat.h>

#include "expat_at_once.h"

/* A separator that no namespace name can hold, being no XML character. */
#define SEPARATOR '\x0C'

static size_t here(const struct oracle *o)
{
    return (size_t)XML_GetCurrentByteIndex(o->parser);
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct oracle *o = data;
    (void)name, (void)attributes;
    o->depth++;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct oracle *o = data;
    (void)name;
    size_t end = here(o) + (size_t)XML_GetCurrentByteCount(o->parser);
    o->depth--;
    if (o->depth == 1 && o->ends_count < ORACLE_ENDS_MAX)
        o->ends[o->ends_count++] = end;
    if (o->depth == 0) {
        o->is_closed = true;
        o->closed_at = end;
        XML_StopParser(o->parser, XML_FALSE); /* what follows is not the scanner's */
    }
}

static void note_first(size_t *first, size_t at)
{
    if (at < *first)
        *first = at;
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
    struct oracle *o = data;
    size_t at = here(o);
    if (o->depth != 1)
        return;
    bool is_reference = at < o->in.len && o->in.ptr[at] == '&';
    for (int i = 0; i < len; i++)
        if (is_reference || !strchr(" \t\r\n", text[i]))
            note_first(&o->stray_text_at, at + (size_t)i);
}

static void XMLCALL on_cdata(void *data)
{
    struct oracle *o = data;
    if (o->depth == 1)
        note_first(&o->stray_text_at, here(o));
}

static void XMLCALL on_comment(void *data, const XML_Char *text)
{
    struct oracle *o = data;
    (void)text;
    note_first(&o->restricted_at, here(o));
}

static void XMLCALL on_instruction(void *data, const XML_Char *target, const XML_Char *text)
{
    struct oracle *o = data;
    (void)target, (void)text;
    note_first(&o->restricted_at, here(o));
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public_id, int has_subset)
{
    struct oracle *o = data;
    (void)name, (void)system, (void)public_id, (void)has_subset;
    note_first(&o->restricted_at, 0);
}

static void XMLCALL on_declaration(void *data, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
    struct oracle *o = data;
    (void)standalone;
    bool is_good = version && strncmp(version, "1.", 2) == 0 && version[2];
    for (size_t i = 2; is_good && version[i]; i++)
        is_good = version[i] >= '0' && version[i] <= '9';
    o->is_declaration_refused = !is_good || (encoding && strcasecmp(encoding, "UTF-8") != 0);
}

static void XMLCALL on_namespace(void *data, const XML_Char *prefix, const XML_Char *uri)
{
    struct oracle *o = data;
    if (uri && uri[strcspn(uri, "\t\n\r \"<>\\^`{|}\x7F")])
        note_first(&o->strange_namespace_at, here(o));
    if (o->depth == 0 && prefix && o->prefixes_count < ORACLE_PREFIXES_MAX)
        snprintf(o->prefixes[o->prefixes_count++], sizeof o->prefixes[0], "%s:", prefix);
}

static enum XML_Error parse(struct oracle *o, int is_final)
{
    XML_ParserReset(o->parser, NULL);
    XML_SetUserData(o->parser, o);
    XML_SetElementHandler(o->parser, on_start, on_end);
    XML_SetCharacterDataHandler(o->parser, on_text);
    XML_SetStartCdataSectionHandler(o->parser, on_cdata);
    XML_SetCommentHandler(o->parser, on_comment);
    XML_SetProcessingInstructionHandler(o->parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(o->parser, on_doctype);
    XML_SetXmlDeclHandler(o->parser, on_declaration);
    XML_SetStartNamespaceDeclHandler(o->parser, on_namespace);
    expat_at_once(o->parser);
    if (XML_Parse(o->parser, o->in.ptr, (int)o->in.len, is_final) != XML_STATUS_ERROR)
        return XML_ERROR_NONE;
    enum XML_Error error = XML_GetErrorCode(o->parser);
    return error == XML_ERROR_ABORTED ? XML_ERROR_NONE : error; /* on_end has heard enough */
}

void *oracle_parser_new(void)
{
    return XML_ParserCreateNS(NULL, SEPARATOR);
}

void oracle_parser_free(void *parser)
{
    XML_ParserFree(parser);
}

struct oracle oracle_ask(void *parser, struct span in)
{
    struct oracle o = {.parser = parser,
                       .in = in,
                       .restricted_at = SIZE_MAX,
                       .stray_text_at = SIZE_MAX,
                       .strange_namespace_at = SIZE_MAX};
    enum XML_Error error = parse(&o, 0);
    o.is_refused = error != XML_ERROR_NONE;
    o.is_invalid_token = error == XML_ERROR_INVALID_TOKEN;
    return o;
}

void oracle_ask_end(struct oracle *o)
{
    struct oracle again = {.parser = o->parser, .in = o->in};
    switch (parse(&again, 1)) {
    case XML_ERROR_UNCLOSED_TOKEN:
    case XML_ERROR_UNCLOSED_CDATA_SECTION:
    case XML_ERROR_PARTIAL_CHAR:
    case XML_ERROR_INVALID_TOKEN: /* ]] at the end, perhaps */
    case XML_ERROR_SYNTAX:        /* a name where the root is due */
        o->is_waiting = !o->is_refused;
        break;
    default:
        break;
    }
}
