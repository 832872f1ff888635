/* SPDX-License-Identifier: Apache-2.0 */
/* The AEAD calls of the user-space record layer. A record's keys outlive no library object: a worker keeps keyed
 * cipher contexts (record_contexts.h), found again by the key's number. */
#ifndef MUSTER_TLS_RECORD_CIPHER_H
#define MUSTER_TLS_RECORD_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "tls/record.h"
#include "tls/secrets.h"

/* One AEAD call: whose key, which nonce, what is authenticated beside the text. */
struct record_aead {
    uint64_t key_number; /* of record_key_number_new: same number, same suite, key and direction */
    enum tls_suite suite;
    const uint8_t *key;
    const char *associated;
    size_t associated_len;
    uint8_t nonce[TLS_IV_BYTES];
};

/* Never given twice in the life of the process, so a context keyed for a freed or rotated key is never
 * found. */
uint64_t record_key_number_new(void);

enum { RECORD_FORGED = 1 };

/* Both work on `text` in place; the tag is the TLS_TAG_BYTES behind it. 0 or -errno; open also
 * RECORD_FORGED. */
int record_aead_seal(struct record_worker *w, const struct record_aead *a, char *text, size_t len);
int record_aead_open(struct record_worker *w, const struct record_aead *a, char *text, size_t len);

#endif
