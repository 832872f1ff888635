/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "jid/jid.h"
#include "roster/group.h"

/* A socket listens to one port each; a list longer than this is a mistake. */
#define CONFIG_LIST_MAX 1024

static char *text_copy(struct span text)
{
    return strndup(text.ptr ? text.ptr : "", text.len);
}

/* Not empty, and no control characters: a path with a newline in it is a mistake in the quoting. */
static bool is_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0;
}

/* The characters that YAML can write and XML cannot. */
static bool is_xml_text(struct span text)
{
    return is_text(text) && !memmem(text.ptr, text.len, "\xEF\xBF\xBE", 3) &&
           !memmem(text.ptr, text.len, "\xEF\xBF\xBF", 3);
}

bool config_is_group_name(struct span text)
{
    return text.len <= GROUP_NAME_BYTES_MAX && is_xml_text(text) && !memchr(text.ptr, ',', text.len);
}

static bool is_address(struct span text)
{
    char copy[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;
    if (text.len >= sizeof copy || !is_text(text))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET, copy, &address) == 1 || inet_pton(AF_INET6, copy, &address) == 1;
}

static bool number_read(struct span text, uint32_t min, uint32_t max, uint32_t *ret)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* "127.0.0.1:5280" or "[::1]:5280" */
static bool is_endpoint(struct span text)
{
    uint32_t port;
    const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
    if (!colon)
        return false;
    struct span address = span_make(text.ptr, (size_t)(colon - text.ptr));
    bool has_brackets = address.len > 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']';
    if (has_brackets)
        address = span_make(address.ptr + 1, address.len - 2);
    bool is_v6 = address.len && memchr(address.ptr, ':', address.len);
    return has_brackets == is_v6 && is_address(address) &&
           number_read(span_skip(text, (size_t)(colon - text.ptr) + 1), 1, 65535, &port);
}

static bool choice_read(const struct config_row *row, struct span text, uint32_t *ret)
{
    for (uint32_t i = 0; row->names[i]; i++) {
        if (span_equal(text, span_of(row->names[i]))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool bool_read(struct span text, bool *ret)
{
    *ret = span_is(text, "true");
    return *ret || span_is(text, "false");
}

static bool text_set(char **field, struct span text, bool is_valid)
{
    char *copy = is_valid ? text_copy(text) : NULL;
    if (!copy)
        return false;
    free(*field);
    *field = copy;
    return true;
}

static bool field_set(const struct config_row *row, void *field, struct span text)
{
    uint32_t number;
    switch (row->type) {
    case CONFIG_TEXT:
        return text_set(field, text, is_text(text));
    case CONFIG_ADDRESS:
        return text_set(field, text, is_address(text));
    case CONFIG_ENDPOINT:
        return text_set(field, text, is_endpoint(text));
    case CONFIG_BOOL:
        return bool_read(text, field);
    case CONFIG_NUMBER_AUTO:
        if (span_is(text, "auto")) {
            *(uint32_t *)field = 0;
            return true;
        }
        return number_read(text, row->min, row->max, field);
    case CONFIG_NUMBER:
        return number_read(text, row->min, row->max, field);
    case CONFIG_PORT:
        if (!number_read(text, row->min, row->max, &number))
            return false;
        *(uint16_t *)field = (uint16_t)number;
        return true;
    case CONFIG_CHOICE:
    case CONFIG_VISIBILITY:
        return choice_read(row, text, field);
    case CONFIG_GROUP_NAME:
        return text_set(field, text, config_is_group_name(text));
    case CONFIG_TITLE:
        return text_set(field, text, text.len <= row->max && is_xml_text(text));
    case CONFIG_DOMAINS:
    case CONFIG_JIDS:
    case CONFIG_URIS:
    case CONFIG_HOSTS:
    case CONFIG_NAMES:
    case CONFIG_MODES:
    case CONFIG_LISTENERS:
    case CONFIG_GROUPS:
    case CONFIG_MEMBERS:
        break;
    }
    return false;
}
_Static_assert(sizeof(enum config_visibility) == sizeof(uint32_t), "as choices");
_Static_assert(sizeof(enum config_offload) == sizeof(uint32_t), "choices are written as numbers of 32 bits");

void config_value_describe(const struct config_row *row, struct buffer *out)
{
    switch (row->type) {
    case CONFIG_TEXT:
        buffer_literal(out, "text, not empty");
        break;
    case CONFIG_ADDRESS:
        buffer_literal(out, "a numeric IPv4 or IPv6 address");
        break;
    case CONFIG_ENDPOINT:
        buffer_literal(out, "a numeric address and a port, as in 127.0.0.1:5280 or [::1]:5280");
        break;
    case CONFIG_BOOL:
        buffer_literal(out, "true or false");
        break;
    case CONFIG_NUMBER:
    case CONFIG_NUMBER_AUTO:
    case CONFIG_PORT:
        buffer_printf(out, "a whole number from %u to %u%s", row->min, row->max,
                      row->type == CONFIG_NUMBER_AUTO ? ", or auto" : "");
        break;
    case CONFIG_CHOICE:
        for (unsigned i = 0; row->names[i]; i++)
            buffer_printf(out, "%s%s", i == 0 ? "" : row->names[i + 1] ? ", " : " or ", row->names[i]);
        break;
    case CONFIG_DOMAINS:
        buffer_literal(out, "a list of domain names");
        break;
    case CONFIG_JIDS:
        buffer_literal(out, "a list of bare JIDs");
        break;
    case CONFIG_URIS:
        buffer_literal(out, "a list of URIs");
        break;
    case CONFIG_HOSTS:
        buffer_literal(out, "a list of domains with address and port, as in example.org=192.0.2.1:5269");
        break;
    case CONFIG_NAMES:
        buffer_literal(out, "a list of domains and bare JIDs");
        break;
    case CONFIG_MODES:
        buffer_literal(out,
                       "a list of domains or bare JIDs with a mode (off, observe, annotate, enforce), as in "
                       "example.org=enforce");
        break;
    case CONFIG_LISTENERS:
        buffer_literal(out, "a list of listeners");
        break;
    case CONFIG_GROUPS:
        buffer_literal(out, "a list of groups");
        break;
    case CONFIG_GROUP_NAME:
        buffer_printf(out, "text without commas, not empty, at most %u bytes", row->max);
        break;
    case CONFIG_TITLE:
        buffer_printf(out, "text, not empty, at most %u bytes", row->max);
        break;
    case CONFIG_VISIBILITY:
        buffer_literal(out, "members, hidden or a list of groups of this file");
        break;
    case CONFIG_MEMBERS:
        buffer_literal(out, "a list of accounts' addresses (local@domain)");
        break;
    }
}

void config_value_quote(struct buffer *out, struct span text)
{
    const size_t quoted_max = 64;
    buffer_literal(out, "'");
    for (size_t i = 0; i < text.len && i < quoted_max; i++)
        buffer_append_char(out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i]);
    buffer_printf(out, "%s'", text.len > quoted_max ? "..." : "");
}

bool config_value_set(const struct config_row *row, void *base, struct span text, struct buffer *why)
{
    if (field_set(row, (char *)base + row->offset, text))
        return true;
    config_value_quote(why, text);
    buffer_literal(why, " is not ");
    config_value_describe(row, why);
    return false;
}

static bool is_under(const struct config_row *row, const char *prefix)
{
    return *prefix ? span_starts(span_of(row->path), span_of(prefix)) : !config_row_is_in_list(row);
}

void config_defaults_set(void *base, const char *prefix)
{
    struct buffer why;
    buffer_init(&why);
    for (unsigned i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (row->default_text && is_under(row, prefix))
            config_value_set(row, base, span_of(row->default_text), &why);
    }
    buffer_fini(&why); /* a test sees to it that every default is allowed */
}

struct list {
    char ***texts;
    uint32_t *count;
};

static struct list list_of(struct config *c, const struct config_row *row)
{
    struct config_list *list = (struct config_list *)((char *)c + row->offset);
    return row->type == CONFIG_DOMAINS ? (struct list){&c->domains, &c->domain_count}
                                       : (struct list){&list->texts, &list->count};
}

/* "example.org=192.0.2.1:5269" */
static bool host_prepare(struct span text, char storage[static JID_BYTES_MAX], struct span *ret)
{
    const char *equals = memchr(text.ptr, '=', text.len);
    struct span name = span_make(text.ptr, equals ? (size_t)(equals - text.ptr) : 0), domain;
    struct span endpoint = span_skip(text, name.len);
    if (!is_endpoint(equals ? span_skip(endpoint, 1) : endpoint) ||
        jid_prepare_domain(name, storage, &domain) != 0)
        return false;
    if (domain.ptr != storage)
        memmove(storage, domain.ptr, domain.len);
    memcpy(storage + domain.len, endpoint.ptr,
           endpoint.len); /* an endpoint is short, a domain at most a third of it */
    *ret = span_make(storage, domain.len + endpoint.len);
    return true;
}

/* "example.org" or "user@example.org" */
static bool name_prepare(struct span text, char storage[static JID_BYTES_MAX], struct span *ret)
{
    struct jid jid;
    if (jid_parse(text, storage, &jid) != 0 || jid.resource_len)
        return false;
    *ret = jid_bare(&jid);
    return true;
}

/* "example.org=enforce" */
static bool mode_prepare(const struct config_row *row, struct span text, char storage[static JID_BYTES_MAX],
                         struct span *ret)
{
    uint32_t mode;
    const char *equals = memrchr(text.ptr, '=', text.len);
    size_t len = equals ? (size_t)(equals - text.ptr) : 0;
    if (!equals || !choice_read(row, span_skip(text, len + 1), &mode) ||
        !name_prepare(span_make(text.ptr, len), storage, ret))
        return false;
    if (ret->ptr != storage)
        memmove(storage, ret->ptr, ret->len);
    /* A mode's name is shorter than a resource, which the name has not. */
    memcpy(storage + ret->len, equals, text.len - len);
    *ret = span_make(storage, ret->len + text.len - len);
    return true;
}

/* What is kept of an entry. False: it is none. */
static bool entry_prepare(const struct config_row *row, struct span text, char storage[static JID_BYTES_MAX],
                          struct span *ret)
{
    struct jid jid;
    if (!is_text(text))
        return false;
    *ret = text;
    if (row->type == CONFIG_DOMAINS)
        return jid_prepare_domain(text, storage, ret) == 0;
    if (row->type == CONFIG_HOSTS)
        return host_prepare(text, storage, ret);
    if (row->type == CONFIG_NAMES)
        return name_prepare(text, storage, ret);
    if (row->type == CONFIG_MODES)
        return mode_prepare(row, text, storage, ret);
    if (row->type == CONFIG_URIS)
        return memchr(text.ptr, ':', text.len) && !memchr(text.ptr, ' ', text.len);
    if (jid_parse(text, storage, &jid) != 0 || !jid.local_len || jid.resource_len)
        return false;
    *ret = jid_bare(&jid);
    return true;
}

static const char *entry_name(const struct config_row *row)
{
    return row->type == CONFIG_DOMAINS ? "a domain name"
           : row->type == CONFIG_NAMES ? "a domain or a bare JID"
           : row->type == CONFIG_MODES ? "a domain or a bare JID with a mode, as in example.org=enforce"
           : row->type == CONFIG_HOSTS ? "a domain with address and port, as in example.org=192.0.2.1:5269"
           : row->type == CONFIG_JIDS  ? "a bare JID, as in user@example.org"
                                       : "a URI, as in mailto:user@example.org";
}

bool config_list_add(struct config *c, const struct config_row *row, struct span text, struct buffer *why)
{
    char storage[JID_BYTES_MAX];
    struct span entry;
    struct list list = list_of(c, row);
    if (!entry_prepare(row, text, storage, &entry)) {
        buffer_printf(why, "'%.*s' is not %s", (int)(text.len < 64 ? text.len : 64), text.len ? text.ptr : "",
                      entry_name(row));
        return false;
    }
    for (uint32_t i = 0; i < *list.count; i++) {
        if (span_equal(span_of((*list.texts)[i]), entry)) {
            buffer_printf(why, "%.*s is given twice", (int)entry.len, entry.ptr);
            return false;
        }
    }
    char **grown =
        *list.count < CONFIG_LIST_MAX ? realloc(*list.texts, (*list.count + 1) * sizeof *grown) : NULL;
    if (grown)
        *list.texts = grown;
    char *copy = grown ? text_copy(entry) : NULL;
    if (!copy) {
        buffer_printf(why, "more than %d entries, or no memory", CONFIG_LIST_MAX);
        return false;
    }
    (*list.texts)[(*list.count)++] = copy;
    return true;
}

void config_list_free(struct config *c, const struct config_row *row)
{
    struct list list = list_of(c, row);
    for (uint32_t i = 0; i < *list.count; i++)
        free((*list.texts)[i]);
    free(*list.texts);
    *list.texts = NULL;
    *list.count = 0;
}

struct config_listener *config_listener_add(struct config *c)
{
    if (c->listener_count >= CONFIG_LIST_MAX)
        return NULL;
    struct config_listener *grown = realloc(c->listeners, (c->listener_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    c->listeners = grown;
    struct config_listener *listener = &grown[c->listener_count++];
    *listener = (struct config_listener){0};
    config_defaults_set(listener, CONFIG_LISTENER_PREFIX);
    return listener;
}

bool config_address_is_loopback(const char *address)
{
    struct in6_addr six;
    struct in_addr four;
    if (inet_pton(AF_INET, address, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, address, &six) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}
