/* SPDX-License-Identifier: Apache-2.0 */
/* The record layer as a connection sees it: bytes from the socket become plain bytes, plain bytes become what
 * the socket is given. Who does the sealing (nobody, user space here, the kernel) is chosen when it is made,
 * and no session knows. It keeps keys and sequence numbers (about 300 bytes), no buffer and no library
 * object. */
#ifndef MUSTER_TLS_RECORD_H
#define MUSTER_TLS_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/span.h"
#include "tls/secrets.h"

struct record;

/* Scratch that one thread's connections share: cipher contexts. */
struct record_worker;
struct record_worker *record_worker_new(void); /* NULL without memory */
struct record_worker *record_worker_free(struct record_worker *w);
/* A worker that seals for many connections in turn takes memory for their key schedules (about 2 MiB a suite). While that is
 * so, let it look now and then, a few seconds apart, whether it still needs it. */
bool record_worker_is_large(const struct record_worker *w);
void record_worker_rest(struct record_worker *w, uint64_t now_ms /* of clock_now_ms */);

/* User-space TLS records with these keys (copied). NULL without memory. */
struct record *record_user_new(const struct tls_secrets *secrets);
struct record *record_free(struct record *r); /* wipes; takes NULL */
size_t record_bytes(const struct record *r);  /* its memory here, for the report; 0 for NULL */
/* The keys as a user-space record has them now, sequence numbers included; the caller wipes them. */
void record_user_secrets(const struct record *r, struct tls_secrets *ret_secrets);

#define RECORD_PLAIN_MAX 16384
#define RECORD_OVERHEAD_MAX 64 /* head and tail of one record that we seal, any suite */
/* The longest record of a peer that is not refused by its header alone (RFC 8446 s. 5.2): more than this
 * never has to be gathered to get another answer than RECORD_MORE. */
#define RECORD_BYTES_MAX (5 + 16384 + 256)

/* What was in a record, beside 0 with application data in ret_plain (which may be empty). */
enum record_outcome {
    RECORD_MORE = 1, /* not a whole record yet; nothing used */
    RECORD_CLOSED,   /* close_notify: the peer sends no more; every later call says so again */
    RECORD_BAD,   /* authentication failed, wrong type, too long, sequence exhausted, fatal alert: send what
                     record_alert makes of record_bad_alert, if anything, then close; every later call says so
                     again */
    RECORD_REPLY, /* KeyUpdate with request: send what was appended to `reply`, go on */
};

/* Open the first record of `in`, in place: `in` is decrypted where it stands and *ret_plain points into it.
 * Handles KeyUpdate and other post-handshake messages by itself (then 0 with an empty ret_plain, or
 * RECORD_REPLY). *ret_used is set for every outcome but RECORD_MORE; RECORD_CLOSED and RECORD_BAD use up all
 * of `in`. Negative errno (no memory for the cipher or the reply): the record is lost, close. */
int record_open(struct record *r, struct record_worker *w, char *in, size_t in_len, struct span *ret_plain,
                size_t *ret_used, struct buffer *reply);

/* Bytes that `plain_len` bytes become, all records together; an empty text is one empty record. */
size_t record_sealed_bytes(const struct record *r, size_t plain_len);
/* Seal in place: `space` holds `plain_len` bytes at record_head_bytes(r) and has room for
 * record_sealed_bytes(); plain_len <= RECORD_PLAIN_MAX (one record). *ret_len is what to send from space[0].
 * Returns 0 or negative errno
 * (-EKEYEXPIRED when no more may be sealed under this key). May rotate the own key first when the usage limit
 * of RFC 8446 s. 5.5 is near: then the KeyUpdate is appended to `before`, to be sent ahead. */
int record_seal(struct record *r, struct record_worker *w, char *space, size_t plain_len, size_t *ret_len,
                struct buffer *before);
size_t record_head_bytes(const struct record *r);

/* Append a sealed alert: RFC 8446 s. 6. close_notify is TLS_ALERT_CLOSE_NOTIFY; TLS_ALERT_NONE appends
 * nothing. */
enum {
    TLS_ALERT_CLOSE_NOTIFY = 0,
    TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    TLS_ALERT_BAD_RECORD_MAC = 20,
    TLS_ALERT_RECORD_OVERFLOW = 22,
    TLS_ALERT_ILLEGAL_PARAMETER = 47,
    TLS_ALERT_DECODE_ERROR = 50,
    TLS_ALERT_INTERNAL_ERROR = 80,
    TLS_ALERT_USER_CANCELED = 90,
    TLS_ALERT_NO_RENEGOTIATION = 100,
    TLS_ALERT_NONE = 255, /* ours: an alert of the peer is not answered */
};
void record_alert(struct record *r, struct record_worker *w, uint8_t description, struct buffer *out);
/* The alert that fits the last RECORD_BAD, or TLS_ALERT_NONE. */
uint8_t record_bad_alert(const struct record *r);

#endif
