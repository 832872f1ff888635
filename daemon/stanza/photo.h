/* SPDX-License-Identifier: Apache-2.0 */
/* Avatars on the way: what a presence says of its sender's (XEP-0153), and a picture as it is written in
 * vCards and nodes. */
#ifndef MUSTER_STANZA_PHOTO_H
#define MUSTER_STANZA_PHOTO_H

#include "base/buffer.h"
#include "base/frame.h"

/* SHA-1 in hexadecimal. */
#define PHOTO_HASH_BYTES 40

struct photo {
    char hash[PHOTO_HASH_BYTES + 1];
    size_t bytes; /* of the picture itself */
};
enum { PHOTO_BAD = 1 };
/* Append the picture's base64 without the white space that it may be written with. 0, PHOTO_BAD (no base64,
 * or nothing in it) or negative errno. */
int photo_read(struct span written, struct buffer *base64, struct photo *ret);

/* Does an available presence say that its client shows no avatar, with an empty `photo`? The server does not
 * touch that (XEP-0398 s. 4). */
bool photo_is_withheld(const struct frame *presence);
/* The same presence saying `hash`; an empty one: that there is no avatar. Unless it is withheld, or there is
 * none and the client says it has one, but always if `is_over` what was said so before. A new reference,
 * perhaps to the same; NULL without memory. */
struct frame *photo_frame(struct frame *presence, struct span hash, bool is_over);

#endif
