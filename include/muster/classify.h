/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is the first thing in these bytes? The same source is compiled into the daemon and into the BPF programs
 * (bpf/), where no more than this can be known before the daemon wakes. An answer is a hint of where to begin,
 * never of what is allowed: the scanner reads everything again. "Don't know" is an answer.
 *
 * The bytes begin where a first-level element may (RFC 6120 s. 4.9, 11.7), decrypted. Only a window of them is
 * looked at, one byte after the other, in one loop without calls: what the BPF verifier can follow. */
#ifndef MUSTER_CLASSIFY_H
#define MUSTER_CLASSIFY_H

/* Long enough for the start tags of presence that clients write: two JIDs, an id of 60, a language. What is longer
 * is MUSTER_CLASS_UNKNOWN, and costs only its turn. */
#define MUSTER_CLASSIFY_WINDOW 256u

enum muster_class {
    MUSTER_CLASS_UNKNOWN,      /* cut short, not well-formed, or too clever */
    MUSTER_CLASS_KEEPALIVE,    /* white space, and nothing else */
    MUSTER_CLASS_BROADCAST,    /* presence to whoever watches: no `to`; available or unavailable */
    MUSTER_CLASS_DIRECTED,     /* the same with `to` */
    MUSTER_CLASS_SUBSCRIPTION, /* presence of type subscribe, subscribed, unsubscribe, unsubscribed */
    MUSTER_CLASS_PROBE,        /* presence of type probe */
    MUSTER_CLASS_MESSAGE,
    MUSTER_CLASS_IQ,
    MUSTER_CLASS_ACK,   /* <r/>, <a/> of stream management (XEP-0198) */
    MUSTER_CLASS_OTHER, /* any other element, also one of a stream's negotiation; presence of another type */
    MUSTER_CLASS_COUNT
};

/* Up to 16 octets, the first in the lowest bits. */
struct muster_word {
    unsigned long long low, high;
    unsigned int len; /* 17: longer than any that matters */
};

#define MUSTER_WORD_LONG 17u

enum muster_classify_state {
    MUSTER_AT_START, /* white space may come */
    MUSTER_AT_FIRST, /* behind the `<` */
    MUSTER_IN_NAME,
    MUSTER_IN_TAG, /* between attributes, behind white space */
    MUSTER_IN_ATTRIBUTE,
    MUSTER_AT_EQUALS,
    MUSTER_AT_QUOTE,
    MUSTER_IN_VALUE,
    MUSTER_BEHIND_VALUE,
    MUSTER_AT_END, /* behind the `/` */
};

enum muster_kind { MUSTER_KIND_OTHER, MUSTER_KIND_PRESENCE, MUSTER_KIND_ACK };

struct muster_classifier {
    struct muster_word word; /* the name or value that is being read */
    unsigned char state, kind, quote;
    unsigned char attribute;                   /* which one the value is of */
    unsigned char has_type, has_to, has_xmlns; /* seen once */
    unsigned char type, is_foreign;            /* of a presence; its namespace is none of ours */
};

/* Text of up to 16 octets as a word's halves; a constant for the compiler. */
#define MUSTER_PACK_AT(text, i)                                                                              \
    ((i) < sizeof(text) - 1                                                                                  \
         ? (unsigned long long)(unsigned char)(text)[(i) < sizeof(text) ? (i) : 0] << ((i) % 8 * 8)          \
         : 0)
#define MUSTER_PACK(text, from)                                                                              \
    (MUSTER_PACK_AT(text, (from) + 0) | MUSTER_PACK_AT(text, (from) + 1) |                                   \
     MUSTER_PACK_AT(text, (from) + 2) | MUSTER_PACK_AT(text, (from) + 3) |                                   \
     MUSTER_PACK_AT(text, (from) + 4) | MUSTER_PACK_AT(text, (from) + 5) |                                   \
     MUSTER_PACK_AT(text, (from) + 6) | MUSTER_PACK_AT(text, (from) + 7))
#define MUSTER_WORD_IS(w, text)                                                                              \
    ((w)->len == sizeof(text) - 1 && (w)->low == MUSTER_PACK(text, 0) && (w)->high == MUSTER_PACK(text, 8))

static inline __attribute__((always_inline)) void muster_word_put(struct muster_word *w, unsigned char byte)
{
    if (w->len < 8)
        w->low |= (unsigned long long)byte << (w->len % 8 * 8);
    else if (w->len < 16)
        w->high |= (unsigned long long)byte << (w->len % 8 * 8);
    if (w->len < MUSTER_WORD_LONG)
        w->len++;
}

static inline __attribute__((always_inline)) int muster_is_space(unsigned char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

enum muster_attribute {
    MUSTER_ATTRIBUTE_OTHER,
    MUSTER_ATTRIBUTE_TYPE,
    MUSTER_ATTRIBUTE_TO,
    MUSTER_ATTRIBUTE_XMLNS
};

/* "Go on", beside the classes. */
#define MUSTER_CLASSIFY_MORE (-1)

/* The element's name is complete: a class when it is all that matters. */
static inline __attribute__((always_inline)) int muster_name_end(struct muster_classifier *c)
{
    const struct muster_word *w = &c->word;
    if (MUSTER_WORD_IS(w, "message"))
        return MUSTER_CLASS_MESSAGE;
    if (MUSTER_WORD_IS(w, "iq"))
        return MUSTER_CLASS_IQ;
    if (MUSTER_WORD_IS(w, "presence"))
        c->kind = MUSTER_KIND_PRESENCE;
    else if (MUSTER_WORD_IS(w, "r") || MUSTER_WORD_IS(w, "a"))
        c->kind = MUSTER_KIND_ACK;
    else
        return MUSTER_CLASS_OTHER;
    return MUSTER_CLASSIFY_MORE;
}

/* The attribute's name is complete. One that is there twice is not well-formed. */
static inline __attribute__((always_inline)) int muster_attribute_end(struct muster_classifier *c)
{
    const struct muster_word *w = &c->word;
    unsigned char *seen = 0;
    c->attribute = MUSTER_ATTRIBUTE_OTHER;
    if (MUSTER_WORD_IS(w, "type")) {
        c->attribute = MUSTER_ATTRIBUTE_TYPE;
        seen = &c->has_type;
    } else if (MUSTER_WORD_IS(w, "to")) {
        c->attribute = MUSTER_ATTRIBUTE_TO;
        seen = &c->has_to;
    } else if (MUSTER_WORD_IS(w, "xmlns")) {
        c->attribute = MUSTER_ATTRIBUTE_XMLNS;
        seen = &c->has_xmlns;
    }
    if (seen && *seen)
        return MUSTER_CLASS_UNKNOWN;
    if (seen)
        *seen = 1;
    return MUSTER_CLASSIFY_MORE;
}

/* The value is complete. What a presence's type means; a `to` of nothing is for the daemon to refuse. */
static inline __attribute__((always_inline)) int muster_value_end(struct muster_classifier *c)
{
    const struct muster_word *w = &c->word;
    switch (c->attribute) {
    case MUSTER_ATTRIBUTE_TYPE:
        if (MUSTER_WORD_IS(w, "unavailable"))
            c->type = MUSTER_CLASS_BROADCAST;
        else if (MUSTER_WORD_IS(w, "probe"))
            c->type = MUSTER_CLASS_PROBE;
        else if (MUSTER_WORD_IS(w, "subscribe") || MUSTER_WORD_IS(w, "subscribed") ||
                 MUSTER_WORD_IS(w, "unsubscribe") || MUSTER_WORD_IS(w, "unsubscribed"))
            c->type = MUSTER_CLASS_SUBSCRIPTION;
        else
            c->type = MUSTER_CLASS_OTHER;
        break;
    case MUSTER_ATTRIBUTE_TO:
        if (w->len == 0)
            return MUSTER_CLASS_UNKNOWN;
        break;
    case MUSTER_ATTRIBUTE_XMLNS:
        if (c->kind == MUSTER_KIND_ACK)
            c->is_foreign = !MUSTER_WORD_IS(w, "urn:xmpp:sm:3");
        else
            c->is_foreign = !(MUSTER_WORD_IS(w, "jabber:client") || MUSTER_WORD_IS(w, "jabber:server"));
        break;
    default:
        break;
    }
    return MUSTER_CLASSIFY_MORE;
}

/* The tag is complete. */
static inline __attribute__((always_inline)) int muster_tag_end(const struct muster_classifier *c)
{
    if (c->kind == MUSTER_KIND_ACK)
        return c->has_xmlns && !c->is_foreign ? MUSTER_CLASS_ACK : MUSTER_CLASS_OTHER;
    if (c->is_foreign)
        return MUSTER_CLASS_OTHER;
    if (c->has_type && c->type != MUSTER_CLASS_BROADCAST)
        return c->type;
    return c->has_to ? MUSTER_CLASS_DIRECTED : MUSTER_CLASS_BROADCAST;
}

static inline __attribute__((always_inline)) void muster_word_begin(struct muster_classifier *c,
                                                                    unsigned char state)
{
    c->word.low = c->word.high = 0;
    c->word.len = 0;
    c->state = state;
}

/* One byte more: a class, or MUSTER_CLASSIFY_MORE. */
static inline __attribute__((always_inline)) int muster_classify_step(struct muster_classifier *c,
                                                                      unsigned char byte)
{
    int is_space = muster_is_space(byte), outcome;
    switch (c->state) {
    case MUSTER_AT_START:
        if (is_space)
            return MUSTER_CLASSIFY_MORE;
        c->state = MUSTER_AT_FIRST;
        return byte == '<' ? MUSTER_CLASSIFY_MORE : MUSTER_CLASS_UNKNOWN;
    case MUSTER_AT_FIRST:
        if (byte == '?' || byte == '/') /* a header's declaration, the end of the stream */
            return MUSTER_CLASS_OTHER;
        if (is_space || byte == '>' || byte == '!' || byte == '<')
            return MUSTER_CLASS_UNKNOWN;
        muster_word_begin(c, MUSTER_IN_NAME);
        muster_word_put(&c->word, byte);
        return MUSTER_CLASSIFY_MORE;
    case MUSTER_IN_NAME:
        if (!is_space && byte != '/' && byte != '>') {
            muster_word_put(&c->word, byte);
            return byte == '<' || byte == '&' || byte == '=' ? MUSTER_CLASS_UNKNOWN : MUSTER_CLASSIFY_MORE;
        }
        outcome = muster_name_end(c);
        if (outcome != MUSTER_CLASSIFY_MORE)
            return outcome;
        break;
    case MUSTER_IN_TAG:
    case MUSTER_BEHIND_VALUE:
        if (is_space || byte == '/' || byte == '>')
            break;
        if (c->state == MUSTER_BEHIND_VALUE || byte == '=' || byte == '<' || byte == '&' || byte == '"' ||
            byte == '\'')
            return MUSTER_CLASS_UNKNOWN;
        muster_word_begin(c, MUSTER_IN_ATTRIBUTE);
        muster_word_put(&c->word, byte);
        return MUSTER_CLASSIFY_MORE;
    case MUSTER_IN_ATTRIBUTE:
    case MUSTER_AT_EQUALS:
        if (byte == '=') {
            c->state = MUSTER_AT_QUOTE;
            return muster_attribute_end(c);
        }
        if (is_space) {
            c->state = MUSTER_AT_EQUALS;
            return MUSTER_CLASSIFY_MORE;
        }
        if (c->state == MUSTER_AT_EQUALS || byte == '/' || byte == '>' || byte == '<' || byte == '&' ||
            byte == '"' || byte == '\'')
            return MUSTER_CLASS_UNKNOWN;
        muster_word_put(&c->word, byte);
        return MUSTER_CLASSIFY_MORE;
    case MUSTER_AT_QUOTE:
        if (is_space)
            return MUSTER_CLASSIFY_MORE;
        c->quote = byte;
        muster_word_begin(c, MUSTER_IN_VALUE);
        return byte == '"' || byte == '\'' ? MUSTER_CLASSIFY_MORE : MUSTER_CLASS_UNKNOWN;
    case MUSTER_IN_VALUE:
        if (byte == c->quote) {
            c->state = MUSTER_BEHIND_VALUE;
            return muster_value_end(c);
        }
        /* A reference in a value that matters may spell it in another way. */
        if (byte == '<' ||
            (byte == '&' && c->attribute != MUSTER_ATTRIBUTE_OTHER && c->attribute != MUSTER_ATTRIBUTE_TO))
            return MUSTER_CLASS_UNKNOWN;
        muster_word_put(&c->word, byte);
        return MUSTER_CLASSIFY_MORE;
    default: /* MUSTER_AT_END */
        return byte == '>' ? muster_tag_end(c) : MUSTER_CLASS_UNKNOWN;
    }
    /* Behind a name or a value: white space, or the tag's end. */
    if (byte == '>')
        return muster_tag_end(c);
    c->state = byte == '/' ? MUSTER_AT_END : MUSTER_IN_TAG;
    return MUSTER_CLASSIFY_MORE;
}

/* What is known after the last byte that could be looked at. `is_whole`: nothing came behind it. */
static inline __attribute__((always_inline)) enum muster_class
muster_classify_outcome(const struct muster_classifier *c, int outcome, int is_whole)
{
    if (outcome != MUSTER_CLASSIFY_MORE)
        return (enum muster_class)outcome;
    return c->state == MUSTER_AT_START && is_whole ? MUSTER_CLASS_KEEPALIVE : MUSTER_CLASS_UNKNOWN;
}

#ifndef __bpf__
/* In user space. Nothing at all is MUSTER_CLASS_UNKNOWN. */
static inline enum muster_class muster_classify(const void *bytes, unsigned long len)
{
    struct muster_classifier c = {{0, 0, 0}, MUSTER_AT_START, 0, 0, 0, 0, 0, 0, 0, 0};
    const unsigned char *at = (const unsigned char *)bytes;
    unsigned long window = len < MUSTER_CLASSIFY_WINDOW ? len : MUSTER_CLASSIFY_WINDOW;
    int outcome = MUSTER_CLASSIFY_MORE;
    for (unsigned long i = 0; i < window && outcome == MUSTER_CLASSIFY_MORE; i++)
        outcome = muster_classify_step(&c, at[i]);
    return muster_classify_outcome(&c, outcome, len && window == len);
}
#endif

#endif
