/* SPDX-License-Identifier: Apache-2.0 */
/* The checker: watches in one sorted array, one bit per watch and sequence. */
#include "checker.h"

#include <stdlib.h>

struct checker_watch {
    uint32_t watcher, publisher;
    uint32_t next;  /* one more than the highest sequence that came since the watcher is there */
    uint32_t since; /* first sequence that was due there */
};

static int compare_edges(const void *a, const void *b)
{
    const struct checker_edge *x = a, *y = b;
    if (x->watcher != y->watcher)
        return x->watcher < y->watcher ? -1 : 1;
    return x->publisher < y->publisher ? -1 : x->publisher > y->publisher;
}

/* Fill `watches` and its index from sorted edges. */
static void watches_fill(struct checker *c, const struct checker_edge *edges, size_t edge_count)
{
    for (size_t i = 0; i < edge_count; i++) {
        if (i > 0 && compare_edges(&edges[i - 1], &edges[i]) == 0)
            continue;
        c->watches[c->watch_count++] =
            (struct checker_watch){.watcher = edges[i].watcher, .publisher = edges[i].publisher};
        c->watch_at[edges[i].watcher + 1]++;
        c->audience_at[edges[i].publisher + 1]++;
    }
    for (uint32_t i = 0; i < c->session_count; i++) {
        c->watch_at[i + 1] += c->watch_at[i];
        c->audience_at[i + 1] += c->audience_at[i];
    }
    /* published[] serves as the fill mark of each audience before it counts anything. */
    for (size_t i = 0; i < c->watch_count; i++) {
        uint32_t publisher = c->watches[i].publisher;
        c->audience[c->audience_at[publisher] + c->published[publisher]++] = (uint32_t)i;
    }
    for (uint32_t i = 0; i < c->session_count; i++)
        c->published[i] = 0;
}

static struct checker_watch *watch_find(struct checker *c, uint32_t watcher, uint32_t publisher)
{
    uint32_t low = c->watch_at[watcher], high = c->watch_at[watcher + 1];
    /* Who watches everybody needs no search. */
    if (high - low == c->session_count)
        return &c->watches[low + publisher];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->watches[middle].publisher < publisher)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == c->watch_at[watcher + 1] || c->watches[low].publisher != publisher)
        return NULL;
    return &c->watches[low];
}

struct checker *checker_new(uint32_t session_count, const struct checker_edge *edges, size_t edge_count,
                            uint32_t sequence_max)
{
    struct checker *c = calloc(1, sizeof *c);
    struct checker_edge *sorted = calloc(edge_count + 1, sizeof *sorted);
    if (c == NULL || sorted == NULL)
        goto fail;
    c->session_count = session_count;
    c->sequence_max = sequence_max;
    c->words = sequence_max / 64 + 1;
    c->watch_at = calloc(session_count + 1, sizeof *c->watch_at);
    c->audience_at = calloc(session_count + 1, sizeof *c->audience_at);
    c->watches = calloc(edge_count + 1, sizeof *c->watches);
    c->audience = calloc(edge_count + 1, sizeof *c->audience);
    c->published = calloc(session_count + 1, sizeof *c->published);
    c->is_gone = calloc(session_count + 1, sizeof *c->is_gone);
    c->is_silent = calloc(session_count + 1, sizeof *c->is_silent);
    c->came_at = calloc(session_count + 1, sizeof *c->came_at);
    c->due = calloc(session_count + 1, sizeof *c->due);
    c->owed = calloc(session_count + 1, sizeof *c->owed);
    c->received = calloc((edge_count + 1) * c->words, sizeof *c->received);
    if (c->watch_at == NULL || c->audience_at == NULL || c->watches == NULL || c->audience == NULL ||
        c->published == NULL || c->is_gone == NULL || c->is_silent == NULL || c->came_at == NULL ||
        c->due == NULL || c->owed == NULL || c->received == NULL)
        goto fail;
    bool is_sorted = true;
    for (size_t i = 0; i < edge_count; i++) {
        sorted[i] = edges[i];
        is_sorted = is_sorted && (i == 0 || compare_edges(&edges[i - 1], &edges[i]) <= 0);
    }
    if (!is_sorted) /* a hundred million edges come in order */
        qsort(sorted, edge_count, sizeof *sorted, compare_edges);
    watches_fill(c, sorted, edge_count);
    free(sorted);
    return c;
fail:
    free(sorted);
    return checker_free(c);
}

struct checker *checker_free(struct checker *c)
{
    if (c == NULL)
        return NULL;
    free(c->watch_at);
    free(c->audience_at);
    free(c->watches);
    free(c->audience);
    free(c->published);
    free(c->is_gone);
    free(c->is_silent);
    free(c->came_at);
    free(c->due);
    free(c->owed);
    free(c->received);
    free(c);
    return NULL;
}

uint32_t checker_publish(struct checker *c, uint32_t publisher)
{
    uint32_t sequence = c->published[publisher]++;
    for (uint32_t i = c->audience_at[publisher]; i < c->audience_at[publisher + 1]; i++) {
        uint32_t watcher = c->watches[c->audience[i]].watcher;
        if (c->is_gone[watcher])
            continue;
        c->owed[watcher]++;
        c->due[publisher]++;
        c->expected++;
    }
    if (c->is_silent[publisher])
        c->came_at[publisher] = sequence;
    c->is_silent[publisher] = false;
    return sequence;
}

void checker_silence(struct checker *c, uint32_t publisher)
{
    c->is_silent[publisher] = true;
}

void checker_leave(struct checker *c, uint32_t watcher)
{
    c->is_gone[watcher] = true;
}

void checker_join(struct checker *c, uint32_t watcher)
{
    c->is_gone[watcher] = false;
}

bool checker_watches(struct checker *c, uint32_t watcher, uint32_t publisher)
{
    return watch_find(c, watcher, publisher) != NULL;
}

bool checker_has_seen(struct checker *c, uint32_t watcher, uint32_t publisher)
{
    const struct checker_watch *w = watch_find(c, watcher, publisher);
    return w != NULL && w->next > 0;
}

static uint64_t *received_word(struct checker *c, const struct checker_watch *w, uint32_t sequence)
{
    return &c->received[(size_t)(w - c->watches) * c->words + sequence / 64];
}

void checker_return(struct checker *c, uint32_t watcher)
{
    c->is_gone[watcher] = false;
    for (uint32_t i = c->watch_at[watcher]; i < c->watch_at[watcher + 1]; i++) {
        struct checker_watch *w = &c->watches[i];
        uint32_t publisher = w->publisher;
        w->next = 0; /* of those offline it has seen nothing */
        w->since = c->published[publisher];
        if (c->is_silent[publisher] || w->since == 0)
            continue;
        w->since--;
        *received_word(c, w, w->since) &= ~(UINT64_C(1) << (w->since % 64));
        c->owed[watcher]++;
        c->due[publisher]++;
        c->expected++;
    }
}

bool checker_deliver(struct checker *c, uint32_t watcher, uint32_t publisher, uint32_t sequence)
{
    struct violation v = {VIOLATION_UNEXPECTED, watcher, publisher, sequence};
    struct checker_watch *w = watch_find(c, watcher, publisher);
    if (w == NULL) {
        v.kind = VIOLATION_MISDELIVERED;
        checker_violation(c, v);
        return false;
    }
    if (sequence >= c->published[publisher] || sequence > c->sequence_max ||
        (sequence < w->since && !(*received_word(c, w, sequence) >> (sequence % 64) & 1))) {
        checker_violation(c, v);
        return false;
    }
    uint64_t *word = received_word(c, w, sequence);
    uint64_t bit = UINT64_C(1) << (sequence % 64);
    if (*word & bit) {
        if (sequence == c->came_at[publisher] && w->next == sequence + 1 && c->tolerates_repeats) {
            c->repeats++;
            return false;
        }
        v.kind = VIOLATION_DUPLICATE;
        checker_violation(c, v);
        return false;
    }
    *word |= bit;
    if (!c->is_gone[watcher]) {
        c->arrived++;
        c->due[publisher]--;
        c->owed[watcher]--;
    }
    if (sequence < w->next) {
        v.kind = VIOLATION_REORDERED;
        checker_violation(c, v);
    } else {
        w->next = sequence + 1;
    }
    return true;
}

void checker_violation(struct checker *c, struct violation v)
{
    c->violation_count[v.kind]++;
    if (c->kept_count < CHECKER_VIOLATIONS_KEPT)
        c->kept[c->kept_count++] = v;
}

void checker_finish(struct checker *c)
{
    for (size_t i = 0; i < c->watch_count; i++) {
        struct checker_watch *w = &c->watches[i];
        if (c->is_gone[w->watcher])
            continue;
        for (uint32_t sequence = w->since; sequence < c->published[w->publisher]; sequence++)
            if (!(*received_word(c, w, sequence) >> (sequence % 64) & 1))
                checker_violation(c,
                                  (struct violation){VIOLATION_MISSING, w->watcher, w->publisher, sequence});
    }
}

uint64_t checker_violations(const struct checker *c)
{
    uint64_t sum = 0;
    for (int kind = 0; kind < VIOLATION_KINDS; kind++)
        sum += c->violation_count[kind];
    return sum;
}

const char *violation_name(enum violation_kind kind)
{
    static const char *const names[VIOLATION_KINDS] = {
        [VIOLATION_MISSING] = "missing",       [VIOLATION_DUPLICATE] = "duplicate",
        [VIOLATION_REORDERED] = "reordered",   [VIOLATION_MISDELIVERED] = "misdelivered",
        [VIOLATION_UNEXPECTED] = "unexpected", [VIOLATION_GARBLED] = "garbled",
    };
    return names[kind];
}
