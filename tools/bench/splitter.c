/* SPDX-License-Identifier: Apache-2.0 */
/* Stream splitter: one byte machine over tags, quotes, CDATA and the XML declaration. */
#include "splitter.h"

#include <errno.h>

enum scan_state {
    SCAN_TEXT,
    SCAN_LESS,        /* after '<' */
    SCAN_START,       /* in a start tag */
    SCAN_START_SLASH, /* after '/' in a start tag */
    SCAN_SINGLE,      /* in '...' of a start tag */
    SCAN_DOUBLE,      /* in "..." of a start tag */
    SCAN_END,         /* in an end tag */
    SCAN_PI,          /* in the XML declaration */
    SCAN_PI_MARK,     /* after '?' in it */
    SCAN_BANG,        /* after "<!" */
    SCAN_CDATA,
    SCAN_CDATA_1, /* after "]" */
    SCAN_CDATA_2, /* after "]]" */
    SCAN_DEAD
};

enum { STEP_GO, STEP_ITEM, STEP_BAD };

static const char cdata_open[] = "[CDATA[";

void splitter_init(struct splitter *s)
{
    *s = (struct splitter){.state = SCAN_TEXT, .data = SPAN("")};
    buffer_init(&s->carry);
}

void splitter_fini(struct splitter *s)
{
    buffer_fini(&s->carry);
}

void splitter_reset(struct splitter *s)
{
    /* The bytes stay where they are until the next feed: the caller may still hold the item. */
    s->data = SPAN("");
    s->at = s->start = 0;
    s->depth = 0;
    s->state = SCAN_TEXT;
    buffer_clear(&s->carry);
}

int splitter_feed(struct splitter *s, struct span bytes)
{
    if (s->carry.len > 0) {
        buffer_append(&s->carry, bytes);
        if (!buffer_ok(&s->carry))
            return -ENOMEM;
        s->data = buffer_span(&s->carry);
    } else {
        s->data = bytes;
        s->at = s->start = 0;
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* A tag has ended: what does that mean at this depth? */
static int tag_ended(struct splitter *s, bool opens, bool closes, enum splitter_kind *ret_kind)
{
    s->state = SCAN_TEXT;
    if (opens && closes) {
        *ret_kind = SPLITTER_STANZA;
        return s->depth == 0 ? STEP_BAD : s->depth == 1 ? STEP_ITEM : STEP_GO;
    }
    if (opens) {
        *ret_kind = SPLITTER_OPEN;
        return s->depth++ == 0 ? STEP_ITEM : STEP_GO;
    }
    if (s->depth == 0)
        return STEP_BAD;
    s->depth--;
    *ret_kind = s->depth == 0 ? SPLITTER_CLOSE : SPLITTER_STANZA;
    return s->depth <= 1 ? STEP_ITEM : STEP_GO;
}

static int step_less(struct splitter *s, char c)
{
    if (c == '/') {
        s->state = SCAN_END;
    } else if (c == '?') {
        s->state = SCAN_PI;
        return s->depth == 0 ? STEP_GO : STEP_BAD;
    } else if (c == '!') {
        s->state = SCAN_BANG;
        s->matched = 0;
        return s->depth >= 2 ? STEP_GO : STEP_BAD;
    } else {
        s->state = SCAN_START;
        return is_space(c) || c == '>' || c == '<' ? STEP_BAD : STEP_GO;
    }
    return STEP_GO;
}

static int step_start(struct splitter *s, char c, enum splitter_kind *ret_kind)
{
    switch (c) {
    case '\'':
        s->state = SCAN_SINGLE;
        return STEP_GO;
    case '"':
        s->state = SCAN_DOUBLE;
        return STEP_GO;
    case '/':
        s->state = SCAN_START_SLASH;
        return STEP_GO;
    case '>':
        return tag_ended(s, true, false, ret_kind);
    case '<':
        return STEP_BAD;
    default:
        return STEP_GO;
    }
}

/* CDATA sections are legal XML (RFC 6120 section 11.1 forbids comments and doctypes, not these). */
static int step_bang(struct splitter *s, char c)
{
    if (s->state == SCAN_BANG) {
        if (c != cdata_open[s->matched])
            return STEP_BAD;
        if (cdata_open[++s->matched] == '\0')
            s->state = SCAN_CDATA;
        return STEP_GO;
    }
    if (c == ']')
        s->state = s->state == SCAN_CDATA ? SCAN_CDATA_1 : SCAN_CDATA_2;
    else if (c == '>' && s->state == SCAN_CDATA_2)
        s->state = SCAN_TEXT;
    else
        s->state = SCAN_CDATA;
    return STEP_GO;
}

static int step(struct splitter *s, char c, enum splitter_kind *ret_kind)
{
    switch ((enum scan_state)s->state) {
    case SCAN_TEXT:
        if (c == '<')
            s->state = SCAN_LESS;
        else if (s->depth <= 1 && !is_space(c))
            return STEP_BAD;
        return STEP_GO;
    case SCAN_LESS:
        return step_less(s, c);
    case SCAN_START:
        return step_start(s, c, ret_kind);
    case SCAN_START_SLASH:
        return c == '>' ? tag_ended(s, true, true, ret_kind) : STEP_BAD;
    case SCAN_SINGLE:
    case SCAN_DOUBLE:
        if (c == (s->state == SCAN_SINGLE ? '\'' : '"'))
            s->state = SCAN_START;
        return STEP_GO;
    case SCAN_END:
        return c == '>' ? tag_ended(s, false, true, ret_kind) : c == '<' ? STEP_BAD : STEP_GO;
    case SCAN_PI:
        s->state = c == '?' ? SCAN_PI_MARK : SCAN_PI;
        return STEP_GO;
    case SCAN_PI_MARK:
        s->state = c == '>' ? SCAN_TEXT : c == '?' ? SCAN_PI_MARK : SCAN_PI;
        return STEP_GO;
    case SCAN_BANG:
    case SCAN_CDATA:
    case SCAN_CDATA_1:
    case SCAN_CDATA_2:
        return step_bang(s, c);
    case SCAN_DEAD:
        break;
    }
    return STEP_BAD;
}

/* The byte that can end the present state, for the states that run over long stretches; 0: none. */
static char state_ends_with(const struct splitter *s)
{
    switch ((enum scan_state)s->state) {
    case SCAN_TEXT:
        return s->depth >= 2 ? '<' : 0;
    case SCAN_SINGLE:
        return '\'';
    case SCAN_DOUBLE:
        return '"';
    case SCAN_CDATA:
        return ']';
    default:
        return 0;
    }
}

/* Keep what is unfinished until the next feed. */
static int carry_rest(struct splitter *s)
{
    struct span rest = span_skip(s->data, s->start);
    if (s->carry.len > 0)
        buffer_consume(&s->carry, s->start);
    else if (rest.len > 0)
        buffer_append(&s->carry, rest);
    if (!buffer_ok(&s->carry))
        return -ENOMEM;
    s->at -= s->start;
    s->start = 0;
    s->data = s->carry.len > 0 ? buffer_span(&s->carry) : SPAN("");
    if (s->carry.len == 0)
        buffer_fini(&s->carry); /* thousands of idle sessions hold nothing */
    return SPLITTER_MORE;
}

int splitter_next(struct splitter *s, enum splitter_kind *ret_kind, struct span *ret_item)
{
    while (s->at < s->data.len) {
        char ends = state_ends_with(s);
        if (ends != 0) {
            const char *hit = memchr(s->data.ptr + s->at, ends, s->data.len - s->at);
            s->at = hit ? (size_t)(hit - s->data.ptr) : s->data.len;
            if (hit == NULL)
                break;
        }
        bool between = s->state == SCAN_TEXT && s->depth <= 1;
        if (between)
            s->start = s->at;
        int answer = step(s, s->data.ptr[s->at++], ret_kind);
        if (answer == STEP_ITEM) {
            *ret_item = span_make(s->data.ptr + s->start, s->at - s->start);
            s->start = s->at;
            return 0;
        }
        if (answer == STEP_BAD || s->at - s->start > SPLITTER_ITEM_BYTES_MAX) {
            s->state = SCAN_DEAD;
            s->at--; /* stays bad */
            return SPLITTER_BAD;
        }
    }
    if (s->state == SCAN_TEXT && s->depth <= 1)
        s->start = s->at;
    return carry_rest(s);
}
