/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into an account's archive (XEP-0313): by the kind of the message, by what the account prefers (XEP-0441), and under an
 * id that nobody can guess. Old messages are taken out in steps, by the first worker, for all. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "route/internal.h"
#include "stanza/message.h"
#include "store/archive.h"

/* Between two steps of the sweep, each of which looks at some dozen archives: a hundred thousand in a night. */
#define SWEEP_MS 20000
#define DAY_US (86400ull * 1000000)

uint64_t router_archive_id(struct router *r)
{
    if (!r->ids_left) {
        if (getrandom(r->ids, sizeof r->ids, 0) != (ssize_t)sizeof r->ids)
            abort();
        r->ids_left = sizeof r->ids / sizeof *r->ids;
    }
    return r->ids[--r->ids_left];
}

/* ---- preferences ---- */

/* The text: the default's letter, then a line for each exception, `+` or `-` and a JID, each begun and ended by '\n'. */
static bool has_line(struct span text, char sign, struct span jid)
{
    char line[JID_BYTES_MAX + 3];
    line[0] = '\n';
    line[1] = sign;
    memcpy(line + 2, jid.ptr, jid.len);
    line[jid.len + 2] = '\n';
    return memmem(text.ptr, text.len, line, jid.len + 3) != NULL;
}

static bool is_in_roster(struct router *r, const struct account *a, const struct jid *peer)
{
    struct jid bare = jid_of_prepared(jid_bare(peer));
    const struct entity *contact = entity_find(&r->entities, &bare);
    const struct roster_item *item = contact ? roster_find(&a->roster, contact) : NULL;
    return item && item->is_listed;
}

bool router_archive_wants(struct router *r, const struct account *a, const struct jid *peer)
{
    if (!r->settings->has_archive)
        return false;
    struct span text = span_of(a->archive_preferences);
    char choice = r->settings->archive_default;
    if (text.len) {
        choice = text.ptr[0];
        if (has_line(text, '-', jid_full(peer)) || has_line(text, '-', jid_bare(peer)))
            return false;
        if (has_line(text, '+', jid_full(peer)) || has_line(text, '+', jid_bare(peer)))
            return true;
    }
    return choice == ARCHIVE_ALWAYS || (choice == ARCHIVE_ROSTER && is_in_roster(r, a, peer));
}

void router_archive_prefer(struct account *a, struct span text)
{
    free(a->archive_preferences);
    a->archive_preferences = text.len ? strndup(text.ptr, text.len) : NULL;
    if (text.len && !a->archive_preferences)
        log_error("archive-preferences", "reason=out-of-memory");
}

/* ---- the sweep ---- */

struct sweep {
    struct message message;
    struct store_request request;
    struct timer timer;
    struct router *router;
    uint32_t days, messages_max; /* the store thread's copy */
    int64_t account;
};

/* On the store thread. It may run twice: the place is moved when it is through. */
static int sweep_run(struct store_db *db, struct store_request *request)
{
    struct sweep *w = container_of(request, struct sweep, request);
    uint64_t now = clock_wall_us(), age = w->days * DAY_US;
    int64_t account = w->account;
    int error = store_archive_sweep(db, w->days && age < now ? now - age : 0, w->messages_max, &account);
    if (!error)
        w->account = account;
    return error;
}

static void sweep_free(struct sweep *w)
{
    w->router->sweep = NULL;
    arena_fini(&w->request.arena);
    free(w);
}

static void sweep_handle(struct message *m, void *context)
{
    (void)context;
    struct sweep *w = container_of(m, struct sweep, message);
    struct router *r = w->router;
    r->operations--;
    if (r->is_stopping)
        sweep_free(w);
    else
        loop_timer_start(r->loop, &w->timer, SWEEP_MS);
}

static void sweep_done(struct store_request *request)
{
    struct sweep *w = container_of(request, struct sweep, request);
    w->message.handle = sweep_handle;
    loop_post(w->router->loop, NULL, &w->message);
}

static void sweep_expired(struct timer *t)
{
    struct sweep *w = container_of(t, struct sweep, timer);
    struct router *r = w->router;
    w->days = r->settings->archive_days;
    w->messages_max = r->settings->archive_messages_max;
    w->request.operation = STORE_CALL;
    w->request.call = sweep_run;
    w->request.done = sweep_done;
    r->operations++;
    store_submit(r->store, &w->request);
}

int router_archive_sweep_start(struct router *r)
{
    struct sweep *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    arena_init(&w->request.arena);
    timer_init(&w->timer, sweep_expired);
    w->router = r;
    r->sweep = w;
    loop_timer_start(r->loop, &w->timer, SWEEP_MS);
    return 0;
}

void router_archive_sweep_stop(struct router *r)
{
    struct sweep *w = r->sweep;
    if (!w || !timer_is_running(&w->timer))
        return; /* it is with the store: it ends when it comes back */
    loop_timer_stop(r->loop, &w->timer);
    sweep_free(w);
}
