/* SPDX-License-Identifier: Apache-2.0 */
#include "user.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <expat.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../sasl/client.h"
#include "../xml/expat_at_once.h"

/* ---- canonical form ---- */

/* Between namespace and name; expat refuses a namespace that has it, so it is one that no document can have. */
#define SEPARATOR "\x1f"

struct user_parser {
    XML_Parser expat;
    struct user *user;
    unsigned depth;
    struct buffer text, content;
    struct said *current;
    bool is_restart_due; /* <success/> was read: a new stream begins */
    bool is_wrapped;     /* reads an expectation within a root of ours */
};

static char *text_of(struct buffer *b)
{
    assert(buffer_ok(b));
    char *text = strndup(b->ptr ? b->ptr : "", b->len);
    buffer_fini(b);
    return text;
}

static void escape(struct buffer *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '<')
            buffer_literal(out, "&lt;");
        else if (s[i] == '&')
            buffer_literal(out, "&amp;");
        else if (s[i] == '"')
            buffer_literal(out, "&quot;");
        else
            buffer_append_char(out, s[i]);
    }
}

static int attribute_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Tests look for "namespace name". */
static void name_write(struct buffer *out, const char *name)
{
    for (; *name; name++)
        buffer_append_char(out, *name == SEPARATOR[0] ? ' ' : *name);
}

static void write_start(struct buffer *out, const char *name, const char **attributes)
{
    size_t count = 0;
    while (attributes[2 * count])
        count++;
    qsort(attributes, count, 2 * sizeof *attributes, attribute_order);
    buffer_append_char(out, '<');
    name_write(out, name);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(out, ' ');
        name_write(out, attributes[2 * i]);
        buffer_literal(out, "=\"");
        escape(out, attributes[2 * i + 1], strlen(attributes[2 * i + 1]));
        buffer_append_char(out, '"');
    }
    buffer_append_char(out, '>');
}

static void said_attribute(char **at, const char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            *at = strdup(attributes[i + 1]);
}

static void said_done(struct user_parser *p)
{
    struct said *s = p->current;
    s->text = text_of(&p->text);
    s->content = text_of(&p->content);
    p->current = NULL;
    *p->user->last = s;
    p->user->last = &s->next;
}

static void said_begin(struct user_parser *p, const char *name, const char **attributes)
{
    struct said *s = p->current = calloc(1, sizeof *s);
    const char *space = strchr(name, SEPARATOR[0]);
    assert(s);
    s->name = strdup(space ? space + 1 : name);
    said_attribute(&s->type, attributes, "type");
    said_attribute(&s->from, attributes, "from");
    said_attribute(&s->id, attributes, "id");
    buffer_fini(&p->content);
}

/* What the client will say later. */
static void keep(const char **attributes, const char *name, char to[static KEPT_BYTES])
{
    for (size_t i = 0; name && attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            snprintf(to, KEPT_BYTES, "%s", attributes[i + 1]);
}

static void on_start(void *context, const char *name, const char **attributes)
{
    struct user_parser *p = context;
    unsigned depth = p->depth++;
    if (depth == 0 && p->is_wrapped)
        return;
    if (depth <= 1)
        said_begin(p, name, attributes);
    keep(attributes, strcmp(name, "urn:xmpp:fast:0" SEPARATOR "token") == 0 ? "token" : NULL, p->user->token);
    keep(attributes, strcmp(name, "urn:xmpp:sm:3" SEPARATOR "enabled") == 0 ? "id" : NULL,
         p->user->management_id);
    write_start(&p->text, name, attributes);
    if (depth == 0)
        said_done(p);
}

static void on_end(void *context, const char *name)
{
    struct user_parser *p = context;
    unsigned depth = --p->depth;
    if (depth == 0) {
        if (!p->is_wrapped) {
            said_begin(p, "", (const char *[]){NULL});
            said_done(p);
        }
        return;
    }
    buffer_literal(&p->text, "</>");
    if (depth > 1)
        return;
    p->is_restart_due = strcmp(name, "urn:ietf:params:xml:ns:xmpp-sasl" SEPARATOR "success") == 0;
    said_done(p);
}

static void on_text(void *context, const char *text, int len)
{
    struct user_parser *p = context;
    if (p->depth < 2)
        return;
    escape(&p->text, text, (size_t)len);
    if (p->depth == 2)
        buffer_append(&p->content, span_make(text, (size_t)len));
}

static struct user_parser *parser_new(struct user *u)
{
    struct user_parser *p = calloc(1, sizeof *p);
    assert(p);
    p->user = u;
    p->expat = XML_ParserCreateNS("UTF-8", SEPARATOR[0]);
    expat_at_once(p->expat);
    XML_SetUserData(p->expat, p);
    XML_SetElementHandler(p->expat, on_start, on_end);
    XML_SetCharacterDataHandler(p->expat, on_text);
    return p;
}

static struct user_parser *parser_free(struct user_parser *p)
{
    if (!p)
        return NULL;
    XML_ParserFree(p->expat);
    buffer_fini(&p->text);
    buffer_fini(&p->content);
    said_free(p->current);
    free(p);
    return NULL;
}

char *user_canonical(const char *xml)
{
    static const char root[] =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    struct user u = {.last = &u.first};
    struct user_parser *p = parser_new(&u);
    p->is_wrapped = strncmp(xml, "<stream:stream", 14) != 0;
    bool is_good = (!p->is_wrapped || XML_Parse(p->expat, root, sizeof root - 1, 0) == XML_STATUS_OK) &&
                   XML_Parse(p->expat, xml, (int)strlen(xml), 0) == XML_STATUS_OK;
    parser_free(p);
    struct said *s = u.first;
    char *text = is_good && s && !s->next ? strdup(s->text) : NULL;
    while ((s = user_take(&u)))
        said_free(s);
    return text;
}

bool user_is_expected(const char *expected, const char *said)
{
    for (; *expected; expected++, said++) {
        if (*expected != '*') {
            if (*expected != *said)
                return false;
            continue;
        }
        for (;; said++) {
            if (user_is_expected(expected + 1, said))
                return true;
            if (!*said || *said == '"' || *said == '<')
                return false;
        }
    }
    return !*said;
}

/* ---- the user ---- */

void user_init(struct user *u, const char *name)
{
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    *u = (struct user){.say_bytes_max = UINT64_MAX, .read_bytes_max = UINT64_MAX};
    u->last = &u->first;
    assert(strlen(name) < sizeof u->name);
    strcpy(u->name, name);
    memcpy(u->account, name, letters);
    snprintf(u->jid, sizeof u->jid, "%s@localhost/r%s", u->account, name + letters);
    u->resource = strchr(u->jid, '/') + 1;
}

void user_fini(struct user *u)
{
    user_forget(u);
    u->parser = parser_free(u->parser);
}

void user_connect(struct user *u, int listener_fd)
{
    u->is_deaf = u->is_mute = false;
    u->said_bytes = u->read_bytes = 0;
    user_forget(u);
    u->parser = parser_free(u->parser);
    u->parser = parser_new(u);
    u->peer = fake_connect(listener_fd);
    u->phase = u->goal = USER_MANUAL;
    u->is_refused = false;
}

void user_say(struct user *u, struct span bytes)
{
    uint64_t left = u->say_bytes_max - u->said_bytes;
    if (bytes.len > left) {
        bytes.len = left;
        u->is_mute = true;
    }
    u->said_bytes += bytes.len;
    buffer_append(&u->peer->to_server, bytes);
}

/* ---- what is said ---- */

static void parse(struct user *u, struct span bytes)
{
    if (XML_Parse(u->parser->expat, bytes.ptr, (int)bytes.len, 0) == XML_STATUS_OK)
        return;
    fprintf(stderr, "%s was sent no XML: %s at: %.*s\n", u->name,
            XML_ErrorString(XML_GetErrorCode(u->parser->expat)), (int)bytes.len, bytes.ptr);
    abort();
}

void user_hear(struct user *u, struct span bytes)
{
    if (!u->parser) {
        u->parser = parser_new(u);
        parse(u, SPAN(USER_HEADER));
        user_forget(u);
    }
    parse(u, bytes);
}

static void say_text(struct user *u, const char *text)
{
    user_say(u, span_of(text));
}

static void say_base64(struct user *u, const char *before, struct span bytes, const char *after)
{
    char text[1024];
    assert(bytes.len < 700);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.ptr, (int)bytes.len);
    say_text(u, before);
    say_text(u, text);
    say_text(u, after);
}

void user_login(struct user *u, enum user_phase goal)
{
    u->phase = USER_OPENING;
    u->goal = goal;
    say_text(u, USER_HEADER);
}

void user_login_sasl2(struct user *u, const char *wanted, bool is_fast)
{
    u->is_fast = is_fast;
    user_login(u, USER_BOUND);
    u->phase = USER_OPENING_SASL2;
    u->wanted = wanted;
}

static void say_token(struct user *u)
{
    char message[64];
    size_t len = strlen(u->account) + 1;
    memcpy(message, u->account, len);
    HMAC(EVP_sha256(), u->token, (int)strlen(u->token), (const unsigned char *)"Initiator", 9,
         (unsigned char *)message + len, NULL);
    say_base64(u, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>",
               span_make(message, len + 32), "</initial-response>");
}

static void respond(struct user *u, const char *xmlns, const char *challenge_text)
{
    unsigned char challenge[1024];
    struct buffer final = {0}, server_final = {0};
    char first[64];
    int len = EVP_DecodeBlock(challenge, (const unsigned char *)challenge_text, (int)strlen(challenge_text));
    for (size_t i = strlen(challenge_text); challenge_text[i - 1] == '='; i--)
        len--;
    snprintf(first, sizeof first, "n=%s,r=rOprNGfwEbeRWgbNEkqO", u->account);
    client_final(CLIENT_SHA_256, u->is_mistaken ? "Secret" : "secret", span_of(first),
                 span_make((char *)challenge, (size_t)len), SPAN("n,,"), "", &final, &server_final);
    char element[64];
    snprintf(element, sizeof element, "<response xmlns='%s'>", xmlns);
    say_base64(u, element, buffer_span(&final), "</response>");
    buffer_fini(&final);
    buffer_fini(&server_final);
}

/* What the log-in does on `s`; false: it is none of its business. */
static bool login_step(struct user *u, const struct said *s)
{
    if (strcmp(s->name, "stream") == 0)
        return true;
    if (strcmp(s->name, "features") == 0) {
        if (u->phase == u->goal) {
            u->phase = USER_MANUAL;
            return true;
        }
        char first[64];
        snprintf(first, sizeof first, "n,,n=%s,r=rOprNGfwEbeRWgbNEkqO", u->account);
        if (u->phase == USER_OPENING_SASL2) {
            u->phase = u->is_fast ? USER_MANUAL : USER_AUTHENTICATING_SASL2;
            if (u->is_fast)
                say_token(u);
            else
                say_base64(
                    u, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>",
                    span_of(first), "</initial-response>");
            say_text(u, u->wanted);
            say_text(u, "</authenticate>");
            return true;
        }
        if (u->phase == USER_OPENING) {
            u->phase = USER_AUTHENTICATING;
            say_base64(u, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>",
                       span_of(first), "</auth>");
            return true;
        }
        u->phase = USER_BINDING;
        say_text(u, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>");
        say_text(u, u->resource);
        say_text(u, "</resource></bind></iq>");
        return true;
    }
    if (u->phase == USER_AUTHENTICATING && strcmp(s->name, "challenge") == 0) {
        respond(u, "urn:ietf:params:xml:ns:xmpp-sasl", s->content);
        return true;
    }
    if (u->phase == USER_AUTHENTICATING_SASL2 && strcmp(s->name, "challenge") == 0) {
        respond(u, "urn:xmpp:sasl:2", s->content);
        u->phase = USER_MANUAL;
        return true;
    }
    if (u->phase == USER_AUTHENTICATING && strcmp(s->name, "success") == 0) {
        u->phase = USER_REOPENING;
        say_text(u, USER_HEADER);
        return true;
    }
    if (u->phase == USER_BINDING && strcmp(s->name, "iq") == 0 && s->type && strcmp(s->type, "result") == 0) {
        u->phase = USER_BOUND;
        return true;
    }
    u->is_refused = true;
    u->phase = USER_MANUAL;
    return false;
}

static bool is_logging_in(const struct user *u)
{
    return u->phase != USER_MANUAL && u->phase != USER_BOUND;
}

bool user_read(struct user *u)
{
    if (!u->peer || !u->peer->from_server.len || u->is_deaf)
        return false;
    struct user_parser *p = u->parser;
    struct buffer *in = &u->peer->from_server;
    uint64_t left = u->read_bytes_max - u->read_bytes;
    u->is_deaf = in->len > left;
    in->len = u->is_deaf ? (uint32_t)left : in->len;
    u->read_bytes += in->len;
    struct said **at = u->last;
    parse(u, buffer_span(in));
    buffer_clear(in);
    if (p->is_restart_due) {
        parser_free(p);
        u->parser = parser_new(u);
    }
    while (*at && is_logging_in(u)) {
        struct said *s = *at;
        if (!login_step(u, s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        if (!*at)
            u->last = at;
        said_free(s);
    }
    return true;
}

struct said *user_take(struct user *u)
{
    struct said *s = u->first;
    if (!s)
        return NULL;
    u->first = s->next;
    if (!u->first)
        u->last = &u->first;
    return s;
}

struct said *said_free(struct said *s)
{
    if (!s)
        return NULL;
    free(s->text);
    free(s->name);
    free(s->type);
    free(s->from);
    free(s->id);
    free(s->content);
    free(s);
    return NULL;
}

void user_forget(struct user *u)
{
    for (struct said *s; (s = user_take(u));)
        said_free(s);
}
