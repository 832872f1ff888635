/* SPDX-License-Identifier: Apache-2.0 */
#include "until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct loop *loop_made(const struct loop_owner *owner)
{
    struct loop *l = NULL;
    char message[256] = "";
    if (loop_new(owner, &l, message, sizeof message) < 0) {
        print_message("%s\n", message);
        skip();
    }
    return l;
}

/* What the present thread's loop is run for. */
struct wait {
    struct loop *loop;
    bool (*is_done)(void *context);
    void *context;
    bool is_late;
    struct timer timer;
};
static _Thread_local struct wait *waiting;

void until_turn_ends(void *context)
{
    (void)context;
    if (waiting && waiting->is_done(waiting->context))
        loop_stop(waiting->loop);
}

static void wait_is_late(struct timer *t)
{
    struct wait *w = container_of(t, struct wait, timer);
    w->is_late = true;
    loop_stop(w->loop);
}

const struct loop_owner nobody = {until_turn_ends, NULL};

bool loop_until(struct loop *l, bool (*is_done)(void *context), void *context, uint64_t timeout_ms)
{
    struct wait w = {.loop = l, .is_done = is_done, .context = context};
    if (is_done(context))
        return true;
    timer_init(&w.timer, wait_is_late);
    loop_timer_start(l, &w.timer, timeout_ms);
    waiting = &w;
    loop_run(l);
    waiting = NULL;
    loop_timer_stop(l, &w.timer);
    return !w.is_late || is_done(context);
}
