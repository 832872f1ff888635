/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of stream/: who answers which item. Each handler is called with an item whose bytes are borrowed. */
#ifndef MUSTER_STREAM_INTERNAL_H
#define MUSTER_STREAM_INTERNAL_H

#include "stream/stream.h"

#define XMLNS_CLIENT SPAN("jabber:client")
#define XMLNS_STREAMS SPAN("http://etherx.jabber.org/streams")
#define XMLNS_TLS SPAN("urn:ietf:params:xml:ns:xmpp-tls")
#define XMLNS_SASL SPAN("urn:ietf:params:xml:ns:xmpp-sasl")
#define XMLNS_BIND SPAN("urn:ietf:params:xml:ns:xmpp-bind")
#define XMLNS_CSI SPAN("urn:xmpp:csi:0")

/* The one way to change the state; traced at log level debug. */
void stream_enter(struct stream *s, enum stream_state state);
/* Queue bytes. */
void stream_say(struct stream *s, struct span bytes);

/* header.c */
void stream_header_item(struct stream *s, const struct xml_item *item);
/* Our own header, for an error before the peer's was understood too. */
void stream_header_send(struct stream *s);

/* features.c */
void stream_features_send(struct stream *s);
/* The mechanisms this stream offers: bits of 1u << enum sasl_mechanism; 0 before TLS where TLS is required. */
uint32_t stream_mechanisms(const struct stream *s);
void stream_bindings(const struct stream *s, struct sasl_bindings *ret);

/* auth.c */
void stream_auth_item(struct stream *s, const struct xml_item *item);
void stream_auth_detach(struct stream *s);

/* bind.c */
void stream_bind_item(struct stream *s, const struct xml_item *item);

/* reader.c */
/* <active/> and <inactive/> of a bound stream; false: it is none of them. */
bool stream_csi_item(struct stream *s, const struct xml_item *item);
/* Queue what is held, in order. */
void stream_held_flush(struct stream *s);
void stream_refill(struct conn *c);
void stream_behind_expired(struct stream *s);
/* Nothing more is held for it. */
void stream_reader_ends(struct stream *s);

/* ---- throttle.c ---- */
void stream_throttle_init(struct stream_worker *w);
void stream_throttle_fini(struct stream_worker *w);
/* The stream has said something of so many bytes; it may be made to wait. */
void stream_throttle_charge(struct stream *s, size_t bytes);
void stream_throttle_ends(struct stream *s);

#endif
