/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of the admin socket agree on. Private to the room (and its tests). */
#ifndef MUSTER_ADMIN_REQUEST_H
#define MUSTER_ADMIN_REQUEST_H

#include "base/span.h"

struct sockaddr_un;

/* "word TAB word", a newline, the body. 0, or 1 when there is no newline or no word. */
int control_request_parse(struct span request, struct span *ret_command, struct span *ret_body);
/* "ok" or "error", a newline, the text. 0 for ok, 1 for error, -EPROTO for anything else. */
int control_reply_parse(struct span reply, struct span *ret_text);

/* 0 or -ENAMETOOLONG (an address holds 107 bytes). */
int control_address_make(const char *path, struct sockaddr_un *ret_address);

#endif
