/* SPDX-License-Identifier: Apache-2.0 */
#include "store/avatar.h"

#include <errno.h>
#include <time.h>

#include "store/document.h"
#include "store/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

/* ---- the row ---- */

static void row_read(sqlite3_stmt *row, struct store_avatar *ret)
{
    struct span hash = store_column_text(row, 0);
    *ret = (struct store_avatar){.is_told = true};
    if (hash.len == PHOTO_HASH_BYTES)
        memcpy(ret->hash, hash.ptr, hash.len);
}

int store_avatar_get(struct store_db *db, int64_t owner, struct store_avatar *ret)
{
    int error = 0;
    sqlite3_stmt *get = store_statement(db, STATEMENT_AVATAR_GET, &error);
    if (!get)
        return error;
    sqlite3_bind_int64(get, 1, owner);
    int code = sqlite3_step(get);
    *ret = (struct store_avatar){0};
    error = store_error(db, code);
    if (code == SQLITE_ROW)
        row_read(get, ret);
    sqlite3_reset(get);
    return error;
}

/* By the account's JID; with the picture's type on `arena`, if there is one. */
static int row_find(struct store_db *db, struct span owner, struct store_avatar *ret, struct arena *arena,
                    struct span *ret_type)
{
    int error = 0;
    sqlite3_stmt *find = store_statement(db, STATEMENT_AVATAR_FIND, &error);
    if (!find)
        return error;
    store_bind_text(find, 1, owner);
    int code = sqlite3_step(find);
    error = code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    if (code == SQLITE_ROW) {
        row_read(find, ret);
        if (arena && !(*ret_type = arena_copy(arena, store_column_text(find, 1))).ptr)
            error = -ENOMEM;
    }
    sqlite3_reset(find);
    return error;
}

static int row_put(struct store_db *db, struct span owner, const struct store_avatar *avatar,
                   struct span type)
{
    int error = 0;
    sqlite3_stmt *put = store_statement(db, STATEMENT_AVATAR_PUT, &error);
    if (!put)
        return error;
    store_bind_text(put, 1, owner);
    sqlite3_bind_text(put, 2, avatar->hash, -1, SQLITE_STATIC);
    sqlite3_bind_text64(put, 3, type.len ? type.ptr : "", type.len, SQLITE_STATIC, SQLITE_UTF8);
    return store_statement_run(db, put);
}

int store_avatar_find(struct store_db *db, struct span owner, struct store_avatar *ret)
{
    return row_find(db, owner, ret, NULL, NULL);
}

/* ---- the vCard ---- */

int store_vcard_strip(struct arena *arena, struct span vcard, struct span *ret)
{
    struct xml_node *root;
    struct buffer out = {0};
    const char *from = vcard.ptr;
    bool has_others = false;
    int error = xml_tree_build(arena, vcard, SPAN("?"), &root);
    for (const struct xml_node *n = error ? NULL : root->children; n; n = n->next) {
        bool is_photo = span_is(n->name, "PHOTO") && span_equal(n->xmlns, root->xmlns);
        has_others |= !is_photo;
        if (!is_photo)
            continue;
        buffer_append(&out, span_make(from, (size_t)(n->raw.ptr - from)));
        from = n->raw.ptr + n->raw.len;
    }
    if (!error && from != vcard.ptr) {
        buffer_append(&out, span_make(from, vcard.len - (size_t)(from - vcard.ptr)));
        vcard = arena_copy(arena, buffer_span(&out));
        error = buffer_ok(&out) && vcard.ptr ? 0 : -ENOMEM;
    }
    buffer_fini(&out);
    if (!error)
        *ret = has_others ? vcard : (struct span){0};
    return error;
}

/* Whoever has nodes keeps no picture in the vCard. */
static int stored_vcard_strip(struct store_db *db, struct span owner, struct arena *arena)
{
    struct store_document vcard = {0};
    struct span text;
    int outcome = store_document_get(db, owner, STORE_VCARD, (struct span){0}, arena, &text);
    if (outcome)
        return outcome == STORE_NOT_FOUND ? 0 : outcome;
    outcome = store_vcard_strip(arena, text, &vcard.text);
    return outcome || span_equal(text, vcard.text)
               ? outcome
               : store_documents_put(db, owner, STORE_VCARD, &vcard, 1, UINT64_MAX);
}

/* ---- what the nodes show ---- */

/* The payload of the node's last item, or of the one that is named, as a tree. */
static int item_read(struct store_db *db, struct span owner, struct span node, enum pep_access rank,
                     struct span id, struct arena *arena, struct xml_node **ret)
{
    const struct pep_wanted wanted = {.items_max = 1, .bytes_max = 1, .ids = &id, .id_count = id.len > 0};
    struct pep_items items;
    uint32_t total;
    int outcome = store_pep_items(db, owner, node, rank, &wanted, arena, &items, &total);
    if (outcome)
        return outcome;
    if (!items.first || !items.first->payload.len)
        return STORE_NOT_FOUND;
    return xml_tree_build(arena, items.first->payload, SPAN("?"), ret);
}

/* The picture of this name. Its hash is taken here, on the store's thread: a third of a millisecond for the
 * largest item of the default limits, once a change of an avatar. */
static int data_read(struct store_db *db, struct span owner, enum pep_access rank, struct span id,
                     struct arena *arena, struct store_photo *ret)
{
    struct xml_node *data;
    struct buffer base64 = {0};
    int outcome = item_read(db, owner, SPAN(AVATAR_DATA), rank, id, arena, &data);
    if (outcome)
        return outcome;
    outcome = photo_read(data->text, &base64, &ret->photo);
    if (!outcome && !(ret->base64 = arena_copy(arena, buffer_span(&base64))).ptr)
        outcome = -ENOMEM;
    buffer_fini(&base64);
    return outcome == PHOTO_BAD ? STORE_NOT_FOUND : outcome;
}

/* The picture that the metadata speak of and that is here, not elsewhere. */
static int shown_read(struct store_db *db, struct span owner, struct arena *arena, struct store_photo *ret)
{
    struct xml_node *metadata;
    int outcome =
        item_read(db, owner, SPAN(AVATAR_METADATA), PEP_PRESENCE, (struct span){0}, arena, &metadata);
    if (outcome)
        return outcome;
    const struct xml_node *info = metadata->children;
    while (info && (!span_is(info->name, "info") || xml_node_attribute(info, SPAN("url")).ptr))
        info = info->next;
    struct span id = info ? xml_node_attribute(info, SPAN("id")) : (struct span){0};
    if (!id.len)
        return STORE_NOT_FOUND;
    outcome = data_read(db, owner, PEP_PRESENCE, id, arena, ret);
    if (!outcome && !span_equal(span_of(ret->photo.hash), id))
        outcome = STORE_NOT_FOUND; /* it is not what it is called */
    ret->type = xml_node_attribute(info, SPAN("type"));
    return outcome;
}

int store_avatar_follow(struct store_db *db, struct span owner, struct arena *arena, struct store_avatar *ret)
{
    struct store_photo photo;
    struct store_avatar avatar = {.is_told = true};
    int outcome = shown_read(db, owner, arena, &photo);
    if (outcome && outcome != STORE_NOT_FOUND)
        return outcome;
    if (!outcome)
        memcpy(avatar.hash, photo.photo.hash, sizeof avatar.hash);
    outcome = row_put(db, owner, &avatar, outcome ? (struct span){0} : photo.type);
    if (!outcome)
        outcome = stored_vcard_strip(db, owner, arena);
    if (!outcome)
        *ret = avatar;
    return outcome;
}

int store_avatar_photo(struct store_db *db, struct span owner, enum pep_access rank, struct arena *arena,
                       struct store_photo *ret)
{
    struct store_avatar avatar;
    struct store_photo photo;
    struct pep_config config;
    int outcome = row_find(db, owner, &avatar, arena, &photo.type);
    if (!outcome && !avatar.hash[0])
        outcome = STORE_NOT_FOUND;
    if (!outcome)
        outcome = store_pep_config(db, owner, SPAN(AVATAR_METADATA), rank, &config);
    if (!outcome)
        outcome = data_read(db, owner, rank, span_of(avatar.hash), arena, &photo);
    if (!outcome)
        *ret = photo;
    return outcome;
}

/* ---- publishing for a vCard ---- */

static int run(struct store_db *db, enum store_statement which)
{
    int error = 0;
    sqlite3_stmt *statement = store_statement(db, which, &error);
    return statement ? store_statement_run(db, statement) : error;
}

/* Publish the payload, whose buffer ends here. */
static int publish(struct store_db *db, struct span owner, struct span node, struct span id,
                   struct buffer *payload, const struct pep_limits *limits, struct arena *arena,
                   struct pep_item *ret_item, struct pep_config *ret_config)
{
    struct pep_config config;
    struct pep_options options = {.config = {.access = PEP_OPEN}};
    int outcome = store_pep_config(db, owner, node, PEP_WHITELIST, &config);
    if (outcome == STORE_NOT_FOUND)
        options.given = PEP_GIVEN_ACCESS;
    *ret_item = (struct pep_item){.id = arena_copy(arena, id),
                                  .payload = arena_copy(arena, buffer_span(payload)),
                                  .published = (uint64_t)time(NULL)};
    bool has_memory = buffer_ok(payload) && ret_item->id.ptr && ret_item->payload.ptr;
    buffer_fini(payload);
    if (outcome < 0 || !has_memory)
        return outcome < 0 ? outcome : -ENOMEM;
    return store_pep_publish(db, owner, node, ret_item, &options, limits, ret_config);
}

static int photo_publish(struct store_db *db, struct span owner, const struct store_photo *photo,
                         const struct pep_limits *limits, struct arena *arena, struct pep_item *ret_item,
                         struct pep_config *ret_config)
{
    struct buffer data = {0}, metadata = {0};
    struct span hash = span_of(photo->photo.hash);
    buffer_literal(&data, "<data xmlns='" AVATAR_DATA "'>");
    buffer_append(&data, photo->base64);
    buffer_literal(&data, "</data>");
    int outcome = publish(db, owner, SPAN(AVATAR_DATA), hash, &data, limits, arena, ret_item, ret_config);
    if (outcome)
        return outcome;
    buffer_printf(&metadata, "<metadata xmlns='" AVATAR_METADATA "'><info bytes='%zu' id='%s'",
                  photo->photo.bytes, photo->photo.hash);
    xml_write_attribute(&metadata, "type", photo->type);
    buffer_literal(&metadata, "/></metadata>");
    return publish(db, owner, SPAN(AVATAR_METADATA), hash, &metadata, limits, arena, ret_item, ret_config);
}

int store_avatar_put(struct store_db *db, struct span owner, const struct store_photo *photo,
                     const struct pep_limits *limits, struct arena *arena, struct store_avatar *ret,
                     struct pep_item *ret_item, struct pep_config *ret_config)
{
    int outcome = run(db, STATEMENT_SAVEPOINT);
    if (outcome)
        return outcome;
    outcome = photo_publish(db, owner, photo, limits, arena, ret_item, ret_config);
    if (!outcome)
        outcome = store_avatar_follow(db, owner, arena, ret);
    if (!outcome && !ret->hash[0])
        outcome = PEP_UNFIT;
    int error = outcome > 0 ? run(db, STATEMENT_SAVEPOINT_RETURN) : 0;
    if (outcome >= 0 && !error)
        error = run(db, STATEMENT_SAVEPOINT_RELEASE);
    return error ? error : outcome;
}

int store_avatar_clear(struct store_db *db, struct span owner, const struct pep_limits *limits,
                       struct arena *arena, struct store_avatar *ret, struct pep_item *ret_item,
                       struct pep_config *ret_config)
{
    struct buffer metadata = {0};
    struct store_avatar avatar;
    int outcome = store_avatar_find(db, owner, &avatar);
    if (outcome || !avatar.hash[0])
        return outcome ? outcome : STORE_NOT_FOUND;
    buffer_literal(&metadata, "<metadata xmlns='" AVATAR_METADATA "'/>");
    outcome = publish(db, owner, SPAN(AVATAR_METADATA), SPAN("none"), &metadata, limits, arena, ret_item,
                      ret_config);
    return outcome ? outcome : store_avatar_follow(db, owner, arena, ret);
}
