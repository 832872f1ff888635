/* SPDX-License-Identifier: Apache-2.0 */
/* The few bytes of TLS that we read and write ourselves: record headers, alert and KeyUpdate codes (RFC 8446
 * s. 5 and 6). */
#ifndef MUSTER_TLS_WIRE_H
#define MUSTER_TLS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "tls/record.h"

enum tls_content_type {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23,
};

enum tls_alert_level { TLS_ALERT_WARNING = 1, TLS_ALERT_FATAL = 2 };
enum { TLS_ALERT_BYTES = 2 };

enum { TLS_CLIENT_HELLO = 1, TLS_NEW_SESSION_TICKET = 4, TLS_KEY_UPDATE = 24 };
/* Type, 24-bit length, request_update. */
enum { TLS_KEY_UPDATE_BYTES = 5 };

enum { TLS_HEADER_BYTES = 5, TLS_TAG_BYTES = 16 };
/* RFC 8446 s. 5.2. It covers TLS 1.2 with AEAD suites too, whose records grow by 24 bytes at most. */
enum { TLS_BODY_BYTES_MAX = RECORD_BYTES_MAX - TLS_HEADER_BYTES };

static inline uint8_t tls_type(const char *header)
{
    return (uint8_t)header[0];
}

static inline size_t tls_body_bytes(const char *header)
{
    return (size_t)(uint8_t)header[3] << 8 | (uint8_t)header[4];
}

/* Everything we write says 3.3, as TLS 1.2 does and TLS 1.3 must. */
static inline void tls_header_write(char *header, uint8_t type, size_t body_bytes)
{
    header[0] = (char)type;
    header[1] = 3;
    header[2] = 3;
    header[3] = (char)(body_bytes >> 8);
    header[4] = (char)body_bytes;
}

#endif
