/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogues as text. A file holds several, each begun by `=== its title`; blank lines and lines that begin
 * with # say nothing, a line that begins with a space goes on the one before. The rest, a line each:
 *
 *   account alice bob            there are these accounts (password "secret")
 *   row alice bob B [approved] [unlisted]    alice's roster has bob, in a state of RFC 6121 A.1 (N NPo NPi
 *                                NPio T TPi F FPo B)
 *   limit NAME NUMBER            stanza, unauthenticated, queue, roster, resources, login, directed, requests, held,
 *                                conflate, rate, burst, grace
 *   conflict replace|refuse|rename
 *   connect alice                a connection, nothing said
 *   open alice / auth alice / login alice bob    ... up to the features, up to those after SASL, up to bind
 *   sasl2 alice XML              log in by XEP-0388, with XML besides in <authenticate/>; success is for the script to expect
 *   online alice bob             ... and roster and presence; what anybody was told so far is forgotten
 *   alice: BYTES                 alice says it, then all settles; $header stands for a stream header
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
 *                                changes: over all workers
 *   switch csi on|off
 *   remove alice / reset alice   the administrator removes the account / has changed it
 *   group NAME [NAME,OTHER]      a shared group, and the groups that see its members
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
