/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of groups: lines of the store become new definitions, and what was changed is told apart for those
 * who must act on it. */
#include <errno.h>
#include <stdlib.h>

#include "roster/group.h"
#include "session/entity.h"

void group_book_init(struct group_book *b, uint32_t workers)
{
    *b = (struct group_book){.workers = workers};
}

void group_book_fini(struct group_book *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        group_unref(b->groups[i]);
    free(b->groups);
    *b = (struct group_book){0};
}

/* ---- lines ---- */

static struct span cut(struct span *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    struct span part = span_make(rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len);
    *rest = span_skip(*rest, at ? part.len + 1 : part.len);
    return part;
}

static bool number_read(struct span in, uint64_t *ret)
{
    uint64_t value = 0;
    if (in.len == 0 || in.len > 19)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] < '0' || in.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(in.ptr[i] - '0');
    }
    *ret = value;
    return true;
}

/* A group while its lines are read. */
struct draft {
    struct group *before;
    uint64_t version;
    uint32_t number;
    bool is_new, is_set, is_removed;
    struct span name, title, viewers; /* of a new one, or as they are from now on */
    struct span *joined, *left;
    uint32_t joined_count, left_count, joined_capacity, left_capacity;
};

struct drafts {
    struct draft *at;
    uint32_t count;
};

static int span_add(struct span **list, uint32_t *count, uint32_t *capacity, struct span one)
{
    if (*count == *capacity) {
        uint32_t wanted = *capacity ? *capacity * 2 : 8;
        struct span *grown = reallocarray(*list, wanted, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        *list = grown;
        *capacity = wanted;
    }
    (*list)[(*count)++] = one;
    return 0;
}

static struct group *book_find(const struct group_book *b, uint32_t number)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (b->groups[i]->number == number)
            return b->groups[i];
    return NULL;
}

/* Lines of one group usually stand together: looked for from the end. */
static struct draft *draft_for(struct drafts *d, const struct group_book *b, uint32_t number)
{
    for (uint32_t i = d->count; i-- > 0;)
        if (d->at[i].number == number)
            return &d->at[i];
    struct draft *grown = reallocarray(d->at, d->count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    d->at = grown;
    struct draft *draft = &d->at[d->count++];
    *draft = (struct draft){.number = number, .before = book_find(b, number)};
    if (draft->before)
        draft->version = draft->before->version;
    return draft;
}

static int line_read(struct drafts *d, const struct group_book *b, struct span line)
{
    struct span verb = cut(&line, '\t');
    uint64_t number, version = 0;
    if (!number_read(cut(&line, '\t'), &number) || number > UINT32_MAX ||
        !number_read(cut(&line, '\t'), &version))
        return -EINVAL;
    struct draft *draft = draft_for(d, b, (uint32_t)number);
    if (!draft)
        return -ENOMEM;
    if (span_is(verb, "add") ? draft->before || draft->is_new : !draft->before && !draft->is_new)
        return -EINVAL;
    draft->version = version;
    if (span_is(verb, "add") || span_is(verb, "set")) {
        *(span_is(verb, "add") ? &draft->is_new : &draft->is_set) = true;
        draft->name = cut(&line, '\t');
        draft->title = cut(&line, '\t');
        draft->viewers = line;
        return 0;
    }
    if (span_is(verb, "join"))
        return span_add(&draft->joined, &draft->joined_count, &draft->joined_capacity, line);
    if (span_is(verb, "leave"))
        return span_add(&draft->left, &draft->left_count, &draft->left_capacity, line);
    if (!span_is(verb, "remove"))
        return -EINVAL;
    draft->is_removed = true;
    return 0;
}

static void drafts_fini(struct drafts *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        free(d->at[i].joined);
        free(d->at[i].left);
    }
    free(d->at);
}

/* ---- definitions ---- */

static int viewers_read(struct group *g, struct span in)
{
    g->viewers = calloc(GROUP_VIEWERS_MAX, sizeof *g->viewers);
    if (!g->viewers)
        return -ENOMEM;
    while (in.len) {
        uint64_t number;
        if (!number_read(cut(&in, ','), &number) || number > UINT32_MAX ||
            g->viewer_count == GROUP_VIEWERS_MAX)
            return -EINVAL;
        g->viewers[g->viewer_count++] = (uint32_t)number;
    }
    return 0;
}

static int viewers_copy(struct group *g, const struct group *before)
{
    g->viewers = calloc(GROUP_VIEWERS_MAX, sizeof *g->viewers);
    if (!g->viewers)
        return -ENOMEM;
    g->viewer_count = before->viewer_count;
    memcpy(g->viewers, before->viewers, before->viewer_count * sizeof *g->viewers);
    return 0;
}

/* Room for `count` members and `text_bytes`, at most half of the index in use. */
static int arrays_make(struct group *g, uint32_t count, size_t text_bytes)
{
    uint32_t index_size = 8;
    while (index_size < 2 * count)
        index_size *= 2;
    g->members = calloc(count + 1, sizeof *g->members);
    g->index = calloc(index_size, sizeof *g->index);
    g->text = malloc(text_bytes + 1);
    g->chunks = calloc(2 * ((count + GROUP_CHUNK_MEMBERS - 1) / GROUP_CHUNK_MEMBERS) + 1, sizeof *g->chunks);
    g->index_size = index_size;
    return g->members && g->index && g->text && g->chunks && text_bytes <= UINT32_MAX ? 0 : -ENOMEM;
}

static uint32_t text_put(struct group *g, uint32_t *used, struct span text)
{
    uint32_t at = *used;
    if (text.len)
        memcpy(g->text + at, text.ptr, text.len);
    *used += (uint32_t)text.len;
    return at;
}

static void member_put(struct group *g, uint32_t *used, struct span jid, uint32_t hash)
{
    uint32_t mask = g->index_size - 1, slot = hash & mask;
    while (g->index[slot])
        slot = (slot + 1) & mask;
    g->members[g->count] = (struct group_member){hash, text_put(g, used, jid), (uint16_t)jid.len};
    g->index[slot] = ++g->count;
}

static struct group_interest *interest_for(const struct group *before, uint32_t workers)
{
    struct group_interest *i =
        before ? before->interest : calloc(1, sizeof *i + workers * sizeof *i->available);
    if (i)
        atomic_fetch_add(&i->references, 1);
    return i;
}

/* The members of `before` that stay, then the new ones. `is_gone`: by position in before. */
static int group_fill(struct group *g, const struct draft *d, const bool *is_gone)
{
    const struct group *before = d->before;
    bool is_as_before = before && !d->is_set;
    uint32_t count = (before ? before->count : 0) + d->joined_count, used = 0;
    struct span name = before ? before->name : d->name, title = is_as_before ? before->title : d->title;
    size_t bytes = name.len + title.len;
    for (uint32_t i = 0; before && i < before->count; i++)
        bytes += before->members[i].len;
    for (uint32_t i = 0; i < d->joined_count; i++)
        bytes += d->joined[i].len;
    int error = arrays_make(g, count, bytes);
    if (error)
        return error;
    g->name = span_make(g->text + text_put(g, &used, name), name.len);
    g->title = span_make(g->text + text_put(g, &used, title), title.len);
    for (uint32_t i = 0; before && i < before->count; i++)
        if (!is_gone[i])
            member_put(g, &used, group_member_jid(before, i), before->members[i].hash);
    for (uint32_t i = 0; i < d->joined_count; i++)
        member_put(g, &used, d->joined[i], (uint32_t)entity_hash(d->joined[i]));
    return is_as_before ? viewers_copy(g, before) : viewers_read(g, d->viewers);
}

/* ---- steps ---- */

static int left_find(const struct draft *d, struct group_step *step, bool *is_gone)
{
    step->left = calloc(d->left_count + 1, sizeof *step->left);
    if (!step->left)
        return -ENOMEM;
    for (uint32_t i = 0; i < d->left_count; i++) {
        int64_t position = group_find(d->before, d->left[i], entity_hash(d->left[i]));
        if (position < 0 || is_gone[position])
            return -EINVAL;
        is_gone[position] = true;
        step->left[step->left_count++] = (uint32_t)position;
    }
    return 0;
}

static int everybody_leaves(struct group_step *step)
{
    step->left = calloc(step->before->count + 1, sizeof *step->left);
    if (!step->left)
        return -ENOMEM;
    for (uint32_t i = 0; i < step->before->count; i++)
        step->left[step->left_count++] = i;
    return 0;
}

static int step_make(const struct draft *d, uint32_t workers, struct group_step *step)
{
    step->number = d->number;
    step->before = d->before ? group_ref(d->before) : NULL;
    if (d->is_removed)
        return d->is_new ? -EINVAL : everybody_leaves(step);
    struct group *g = step->now = calloc(1, sizeof *g);
    bool *is_gone = calloc((d->before ? d->before->count : 0) + 1, sizeof *is_gone);
    int error = g && is_gone ? 0 : -ENOMEM;
    if (!error) {
        g->references = 1;
        g->number = d->number;
        g->version = d->version;
        g->interest = interest_for(d->before, workers);
        error = g->interest ? 0 : -ENOMEM;
    }
    if (!error && d->left_count)
        error = d->before ? left_find(d, step, is_gone) : -EINVAL;
    if (!error)
        error = group_fill(g, d, is_gone);
    free(is_gone);
    step->joined = error ? NULL : calloc(d->joined_count + 1, sizeof *step->joined);
    if (!error && !step->joined)
        error = -ENOMEM;
    for (uint32_t i = 0; !error && i < d->joined_count; i++)
        step->joined[step->joined_count++] = g->count - d->joined_count + i;
    return error;
}

struct group_change *group_change_free(struct group_change *c)
{
    for (uint32_t i = 0; c && i < c->count; i++) {
        group_unref(c->steps[i].before);
        group_unref(c->steps[i].now);
        free(c->steps[i].joined);
        free(c->steps[i].left);
    }
    if (c)
        free(c->steps);
    free(c);
    return NULL;
}

/* The book's list as it will be. */
static struct group **groups_next(const struct group_book *b, const struct group_change *c,
                                  uint32_t *ret_count)
{
    struct group **next = calloc(b->count + c->count + 1, sizeof(struct group *));
    uint32_t count = 0;
    for (uint32_t i = 0; next && i < b->count; i++) {
        struct group *g = b->groups[i];
        for (uint32_t n = 0; n < c->count; n++)
            if (c->steps[n].before == g)
                g = c->steps[n].now;
        if (g)
            next[count++] = group_ref(g);
    }
    for (uint32_t n = 0; next && n < c->count; n++)
        if (!c->steps[n].before)
            next[count++] = group_ref(c->steps[n].now);
    *ret_count = count;
    return next;
}

static int change_make(struct group_book *b, const struct drafts *d, struct group_change *c)
{
    c->steps = calloc(d->count + 1, sizeof *c->steps);
    if (!c->steps)
        return -ENOMEM;
    for (uint32_t i = 0; i < d->count; i++) {
        c->count++;
        int error = step_make(&d->at[i], b->workers, &c->steps[i]);
        if (error)
            return error;
    }
    uint32_t count = 0;
    struct group **next = groups_next(b, c, &count);
    if (!next)
        return -ENOMEM;
    for (uint32_t i = 0; i < b->count; i++)
        group_unref(b->groups[i]);
    free(b->groups);
    b->groups = next;
    b->count = count;
    return 0;
}

int group_book_apply(struct group_book *b, struct span lines, struct group_change **ret_change)
{
    struct drafts d = {0};
    int error = 0;
    while (!error && lines.len)
        error = line_read(&d, b, cut(&lines, '\n'));
    struct group_change *c = error ? NULL : calloc(1, sizeof *c);
    if (!error)
        error = c ? change_make(b, &d, c) : -ENOMEM;
    drafts_fini(&d);
    if (error)
        group_change_free(c);
    else
        *ret_change = c;
    return error;
}
