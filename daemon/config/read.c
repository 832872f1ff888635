/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to fields, by the table. The document is walked only as deep as the table goes, so that neither depth
 * nor aliases that point to themselves cost anything. */
#include <stdio.h>
#include <stdlib.h>

#include "config/value.h"
#include "config/walk.h"

/* The longest path is about half of it; what is longer is unknown anyway. */
#define PATH_BYTES_MAX 96

bool config_is_null(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || span_is(config_scalar_text(node), "~") ||
            span_is(config_scalar_text(node), "null"));
}

static void read_entry(struct walk *w, const struct config_row *row, const yaml_node_t *item)
{
    struct buffer why = {0};
    if (item->type != YAML_SCALAR_NODE) {
        buffer_literal(&why, "must be ");
        config_value_describe(row, &why);
    }
    if (why.len || !config_list_add(w->reader->config, row, config_scalar_text(item), &why))
        config_complain(w->reader, config_mark_of(&item->start_mark), row->path, "%.*s", (int)why.len,
                        why.ptr);
    buffer_fini(&why);
}

/* One entry without the list is as clear. */
static void read_list(struct walk *w, const struct config_row *row, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        read_entry(w, row, node);
        return;
    }
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
        read_entry(w, row, yaml_document_get_node(w->document, *i));
}

static void read_value(struct walk *w, const struct config_row *row, void *base, const char *shown_path,
                       const yaml_node_t *node)
{
    struct buffer why;
    buffer_init(&why);
    if (node->type != YAML_SCALAR_NODE) {
        config_value_describe(row, &why);
        config_complain(w->reader, config_mark_of(&node->start_mark), shown_path, "must be one value: %.*s",
                        (int)why.len, why.ptr);
    } else if (!config_value_set(row, base, config_scalar_text(node), &why)) {
        config_complain(w->reader, config_mark_of(&node->start_mark), shown_path, "%.*s", (int)why.len,
                        why.ptr);
    }
    buffer_fini(&why);
}

static void complain_unknown(struct walk *w, const yaml_node_t *key, const char *path, const char *shown_path)
{
    struct span nearest = config_nearest(span_of(path));
    if (nearest.len)
        config_complain(w->reader, config_mark_of(&key->start_mark), shown_path,
                        "unknown key; did you mean %.*s?", (int)nearest.len, nearest.ptr);
    else
        config_complain(w->reader, config_mark_of(&key->start_mark), shown_path, "unknown key");
}

/* Was this key already among those before `pair`? */
static bool is_duplicate(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
    struct span key = config_scalar_text(yaml_document_get_node(w->document, pair->key));
    for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *other = yaml_document_get_node(w->document, p->key);
        if (other->type == YAML_SCALAR_NODE && span_equal(config_scalar_text(other), key))
            return true;
    }
    return false;
}

static void read_listeners(struct walk *w, const yaml_node_t *node)
{
    struct config_reader *r = w->reader;
    if (node->type != YAML_SEQUENCE_NODE) {
        config_complain(r, config_mark_of(&node->start_mark), "listen",
                        "must be a list of listeners, each {address, port, tls}");
        return;
    }
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count == 0)
        config_complain(r, config_mark_of(&node->start_mark), "listen",
                        "must not be empty; without it the default is used");
    r->listener_marks = calloc(count ? count : 1, sizeof *r->listener_marks);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = yaml_document_get_node(w->document, node->data.sequence.items.start[i]);
        struct config_listener *listener = r->listener_marks ? config_listener_add(r->config) : NULL;
        char shown[32];
        snprintf(shown, sizeof shown, "listen[%zu]", i);
        if (!listener) {
            config_complain(r, config_mark_of(&item->start_mark), shown, "too many listeners, or no memory");
            return;
        }
        r->listener_marks[i] = config_mark_of(&item->start_mark);
        if (item->type != YAML_MAPPING_NODE)
            config_complain(r, config_mark_of(&item->start_mark), shown,
                            "must be a listener: {address, port, tls}");
        else
            config_mapping_read(w, item, "listen[]", shown, listener);
    }
}

static void read_pair(struct walk *w, const yaml_node_t *key, const yaml_node_t *value, const char *path,
                      const char *shown_path, void *base)
{
    const struct config_row *row = config_row_find(span_of(path));
    if (row) {
        if (!config_row_is_in_list(row))
            *config_row_mark(w->reader, row) = config_mark_of(&key->start_mark);
        if (config_row_is_list(row))
            read_list(w, row, value);
        else if (row->type == CONFIG_LISTENERS)
            read_listeners(w, value);
        else if (row->type == CONFIG_GROUPS)
            config_groups_read(w, value);
        else if (row->type == CONFIG_MEMBERS)
            config_members_read(w, base, shown_path, value);
        else if (row->type == CONFIG_VISIBILITY && value->type == YAML_SEQUENCE_NODE)
            config_viewers_read(w, base, shown_path, value);
        else
            read_value(w, row, base, shown_path, value);
    } else if (!config_is_section(span_of(path))) {
        complain_unknown(w, key, path, shown_path);
    } else if (value->type == YAML_MAPPING_NODE) {
        config_mapping_read(w, value, path, shown_path, base);
    } else if (!config_is_null(value)) {
        config_complain(w->reader, config_mark_of(&value->start_mark), shown_path,
                        "must be a section of keys and values");
    }
}

void config_mapping_read(struct walk *w, const yaml_node_t *node, const char *prefix,
                         const char *shown_prefix, void *base)
{
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top && w->reader->error_count <= CONFIG_ERRORS_MAX; pair++) {
        const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(w->document, pair->value);
        char path[PATH_BYTES_MAX], shown[PATH_BYTES_MAX];
        if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0 ||
            strlen((const char *)key->data.scalar.value) != key->data.scalar.length ||
            memchr(key->data.scalar.value, '.', key->data.scalar.length)) {
            config_complain(w->reader, config_mark_of(&key->start_mark), shown_prefix,
                            "a key must be a plain name");
            continue;
        }
        const char *dot = *prefix ? "." : "";
        snprintf(path, sizeof path, "%s%s%s", prefix, dot, (const char *)key->data.scalar.value);
        snprintf(shown, sizeof shown, "%s%s%s", shown_prefix, dot, (const char *)key->data.scalar.value);
        if (is_duplicate(w, node, pair))
            config_complain(w->reader, config_mark_of(&key->start_mark), shown, "is given twice");
        else
            read_pair(w, key, value, path, shown, base);
    }
}

/* What libyaml found wrong. Its reader counts bytes, not lines. */
static void complain_syntax(struct config_reader *r, const yaml_parser_t *parser, struct span text)
{
    struct config_mark mark = config_mark_of(&parser->problem_mark);
    const char *problem = parser->problem ? parser->problem : "no memory";
    if (parser->error == YAML_READER_ERROR) {
        mark = (struct config_mark){1, 1};
        for (size_t i = 0; i < parser->problem_offset && i < text.len; i++) {
            mark.column = text.ptr[i] == '\n' ? 1 : mark.column + 1;
            mark.line += text.ptr[i] == '\n';
        }
    }
    config_complain(r, mark, NULL, "%s%s%s", parser->context ? parser->context : "",
                    parser->context ? ": " : "", problem);
}

static void read_root(struct config_reader *r, yaml_document_t *document)
{
    struct walk w = {r, document};
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (!root || config_is_null(root))
        return; /* empty: what is required will be missed */
    if (root->type == YAML_MAPPING_NODE)
        config_mapping_read(&w, root, "", "", r->config);
    else
        config_complain(r, config_mark_of(&root->start_mark), NULL, "must be keys and values");
}

void config_read(struct config_reader *r, struct span text)
{
    yaml_parser_t parser;
    yaml_document_t document, second;
    if (!yaml_parser_initialize(&parser)) {
        config_complain(r, (struct config_mark){1, 1}, NULL, "no memory");
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
    if (!yaml_parser_load(&parser, &document)) {
        complain_syntax(r, &parser, text);
        yaml_parser_delete(&parser);
        return;
    }
    read_root(r, &document);
    bool is_empty = yaml_document_get_root_node(&document) == NULL;
    yaml_document_delete(&document);
    if (!is_empty) {
        if (!yaml_parser_load(&parser, &second)) {
            complain_syntax(r, &parser, text);
        } else {
            const yaml_node_t *root = yaml_document_get_root_node(&second);
            if (root)
                config_complain(r, config_mark_of(&root->start_mark), NULL,
                                "a second document; the file must have one");
            yaml_document_delete(&second);
        }
    }
    yaml_parser_delete(&parser);
}
