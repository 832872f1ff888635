/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says, in the terms of the rooms: they do not know it. */
#ifndef MUSTER_SETTINGS_H
#define MUSTER_SETTINGS_H

#include "config/config.h"
#include "muster/verdict.h"
#include "route/router.h"
#include "service/services.h"
#include "stream/stream.h"
#include "tls/context.h"

/* What it marks is what the stream's own limit slows down. */
struct muster_verdict_limits settings_of_verdict(const struct config *c);
struct service_settings settings_of_services(const struct config *c);
/* Without `command`, which the broker is. */
/* `domains` are those of `c`; they and `services_settings` outlive what is made of them. */
struct router_settings settings_of_router(const struct config *c, const struct span *domains,
                                          const struct service_settings *services_settings);
/* The domains, which the others want as spans. The caller frees it; NULL: no memory. */
struct span *settings_domains(const struct config *c);
/* Does any listener use TLS? */
bool settings_want_tls(const struct config *c);
/* It borrows the paths, and `domains`. */
struct tls_settings settings_of_tls(const struct config *c, const struct span *domains);
/* The same towards other servers, as who is connected to; the other role differs in nothing else. */
struct tls_settings settings_of_server_tls(const struct config *c, const struct span *domains);
/* Without `tls`, `secret` and `registrations`, which are not in the configuration. */
struct stream_settings settings_of_stream(const struct config *c, const struct span *domains);

#endif
