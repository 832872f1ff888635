/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says, in the terms of the rooms: they do not know it. */
#ifndef MUSTER_SETTINGS_H
#define MUSTER_SETTINGS_H

#include "config/config.h"
#include "route/router.h"
#include "stream/stream.h"

/* `domains` are those of `c`, and outlive what is made of them. */
struct router_settings settings_of_router(const struct config *c, const struct span *domains);
/* Without `tls` and `secret`, which are not in the configuration. */
struct stream_settings settings_of_stream(const struct config *c, const struct span *domains);

#endif
