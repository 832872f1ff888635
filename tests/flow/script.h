/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogues as text. A file holds several, each begun by `=== its title`; blank lines and lines that begin
 * with # say nothing, a line that begins with a space goes on the one before. The rest, a line each:
 *
 *   account alice bob            there are these accounts (password "secret")
 *   row alice bob B [approved] [unlisted]    alice's roster has bob, in a state of RFC 6121 A.1 (N NPo NPi
 *                                NPio T TPi F FPo B)
 *   capable alice [NODE ...]     she says presence that claims capabilities (XEP-0115), wants to hear of these nodes, and
 *                                says so if she is asked
 *   limit NAME NUMBER            stanza, unauthenticated, queue, roster, resources, login, directed, requests, held, offline,
 *                                conflate, rate, burst, grace, resume, detached, unacked, unackedbytes, lifetime and
 *                                clients (of tokens), nodes, items, item, bytes (of PEP)
 *   conflict replace|refuse|rename
 *   connect alice                a connection, nothing said
 *   open alice / auth alice / login alice bob    ... up to the features, up to those after SASL, up to bind
 *   sasl2 alice XML              log in by XEP-0388, with XML besides in <authenticate/>; success is for the script to expect
 *   fast alice XML               the same with the token that she was given last
 *   online alice bob             ... and roster and presence; what anybody was told so far is forgotten
 *   alice: BYTES                 alice says it, then all settles; $header stands for a stream header, $id(bob) for the id by
 *                                which bob may resume his session (XEP-0198)
 *   alice+ BYTES                 the same, but nothing settles yet
 *   alice> XML                   the next thing that alice is told; * for any run of characters in a value
 *   alice>> XML                  among the things she was told and that were not expected yet
 *   alice> nothing / alice> closed
 *   forget                       what everybody was told so far
 *   settle / advance MS
 *   cut alice / break alice      her connection ends, or is reset
 *   stall alice / unstall alice  she reads nothing
 *   short alice N                sends to her carry N bytes at most; 0: no bound
 *   store hold|go                requests wait; store fail credentials|roster|change|removals|call, store well
 *   stored alice bob B [approved] [unlisted] [request] / stored alice bob gone
 *   counted NAME N               held, conflated, overflows, inactive, slow, flaps, damped, delayed, superseded,
 *                                changes, enabled, resumed, expired, refused, asked, resent, unacked, detached, rerouted,
 *                                kept, given, archived, published, events, capsasked, capsrefused: over all workers
 *   switch csi|archive on|off
 *   smime mode off|observe|annotate|enforce / smime domain|peer NAME=MODE / smime sign NAME
 *                                what is done about signed stanzas; what is found out of an object is what it says:
 *                                REASON [signed|encrypted] [NUMBER, which stands for its time]
 *   crowd other N XML            another server says it N times
 *   edge hold|full|go            what is verified waits, or is too much
 *   remove alice / reset alice   the administrator removes the account / has changed it
 *   group NAME [NAME,OTHER]      a shared group, and the groups that see its members
 *   set NAME TITLE [NAME,OTHER]  its title and who sees its members from now on
 *   join NAME alice bob / leave NAME alice bob / ungroup NAME
 *   shutdown                     the workers stop
 *
 * At the end nobody may have been told anything that was not expected. */
#ifndef MUSTER_TESTS_FLOW_SCRIPT_H
#define MUSTER_TESTS_FLOW_SCRIPT_H

#include "world.h"

struct script {
    char *title;
    const char *path;
    char **lines; /* each "NUMBER:text" */
    unsigned count;
};

/* The dialogues of a file; the process keeps them. */
struct script *script_read(const char *path, unsigned *ret_count);
void script_play(const struct script *s, uint32_t workers, size_t receive_bytes_max);

#endif
