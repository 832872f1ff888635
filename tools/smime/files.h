/* SPDX-License-Identifier: Apache-2.0 */
/* What muster-smime reads and writes: standard input and output, PEM files and folders of them. */
#ifndef MUSTER_TOOLS_SMIME_FILES_H
#define MUSTER_TOOLS_SMIME_FILES_H

#include "base/buffer.h"
#include "options.h"

/* Many times what a stanza may be (SMIME_TEXT_BYTES_MAX): more is refused before it is held. Lists of authorities are larger than stanzas. */
#define INPUT_BYTES_MAX (4u << 20)
#define PEM_BYTES_MAX (64u << 20)

/* All of standard input: 0, -EFBIG, or another negative errno; nothing is told. */
int input_read(struct buffer *in);
/* To standard output, whole or not at all: the exit status. */
int output_write(struct span text);

/* The option's files one after the other; of a folder those with certificates in them. Nothing, where it was not given. -1, or the
 * exit status: what was wrong is told. */
int pem_read(const struct options *o, enum option_id id, struct buffer *pem);
/* The same for a key: one that a passphrase protects is refused, for nobody is asked for one here. */
int key_read(const struct options *o, struct buffer *pem);

#endif
