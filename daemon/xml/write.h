/* SPDX-License-Identifier: Apache-2.0 */
/* Text to XML and back: escaping on the way out, references on the way in. */
#ifndef MUSTER_XML_WRITE_H
#define MUSTER_XML_WRITE_H

#include "base/arena.h"
#include "base/buffer.h"

/* Append `text` so that it is safe as character data and within either kind of quotes: & < > ' " escaped, and
 * tab, LF, CR as character references (attribute-value normalisation would change them). */
void xml_escape(struct buffer *out, struct span text);
/* Append ` name='value'` with the value escaped. */
void xml_write_attribute(struct buffer *out, const char *name, struct span value);

/* Decode &amp; &lt; &gt; &apos; &quot; and character references. Returns `raw` itself when it has none; else
 * a copy on `arena`. ptr NULL: without memory, or a reference that the scanner would refuse. */
struct span xml_unescape(struct arena *arena, struct span raw);

#endif
