/* SPDX-License-Identifier: Apache-2.0 */
/* The local admin socket: a thread that takes one command a connection and answers it. Request: words joined
 * by TAB, a newline, then the body until the writer shuts down; reply: "ok" or "error", a newline, then text
 * to print. Only the daemon's own user and root may connect (mode 0600, and the peer's credentials are
 * checked). */
#ifndef MUSTER_ADMIN_CONTROL_H
#define MUSTER_ADMIN_CONTROL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

struct control;

/* One request, all of it in memory: ten million roster lines of a hundred bytes. */
#define CONTROL_BODY_BYTES_MAX (1024u * 1024 * 1024)

/* Answer one command: append the text, return true for ok. Runs on the control thread and may block it. */
typedef bool (*control_handler)(void *context, struct span command, struct span body, struct buffer *reply);

/* Bind `socket_path` (a stale socket file of a daemon that is gone is replaced; a live one is -EADDRINUSE)
 * and start the thread. 0 or negative errno with a line in ret_message. */
int control_open(const char *socket_path, control_handler handler, void *context,
                 struct control **ret_control, struct buffer *ret_message);
/* Stop the thread, remove the socket file. Takes NULL, returns NULL. Not from the handler. */
struct control *control_close(struct control *c);

/* The client's side, for musterctl. Sends and waits. 0 (ok), 1 (the daemon refused; reply has the text),
 * -ECONNREFUSED or -ENOENT when no daemon listens, or another negative errno
 * (-EFBIG: over CONTROL_BODY_BYTES_MAX; -EPROTO: the daemon went away without an answer). */
int control_call(const char *socket_path, struct span command, struct span body, struct buffer *reply);

#endif
