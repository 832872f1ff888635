/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <ctype.h>
#include <string.h>

#include "roster/group.h"
#include "sasl/sasl.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define AT(member) offsetof(struct config, member)
#define LISTENER_AT(member) offsetof(struct config_listener, member)
#define GROUP_AT(member) offsetof(struct config_group, member)

static const char *const listen_tls_names[] = {"starttls", "direct", "none", NULL};
static const char *const listen_records_names[] = {"auto", "user", "kernel", NULL};
static const char *const offload_names[] = {"auto", "off", "on", NULL};
static const char *const revocation_names[] = {"off", "soft", "hard", NULL};
static const char *const conflict_names[] = {"replace", "refuse", "rename", NULL};
static const char *const visibility_names[] = {"members", "hidden", NULL};
static const char *const archive_names[] = {"always", "never", "roster", NULL};
static const char *const certificates_names[] = {"required", "optional", NULL};
static const char *const purpose_names[] = {"require", "strict", "legacy", NULL};
const char *const config_smime_modes[] = {"off", "observe", "annotate", "enforce", NULL};
static const char *const log_names[] = {"error", "warn", "info", "debug", NULL};

/* A row is a key, its type, its place, its default; the reason below it. */
/* clang-format off */
const struct config_row config_rows[] = {
    {"domains", CONFIG_DOMAINS, AT(domains), NULL, .is_required = true,
     .reason = "The XMPP domains served here, a list. Accounts are addresses of these domains; the "
               "certificate must be "
               "valid for each."},
    {"state", CONFIG_TEXT, AT(state), NULL, .is_required = true,
     .reason = "Folder of the database (accounts, rosters). It is made, private to the user who runs the "
               "daemon, when it "
               "does not exist; the folder above it must."},
    {"tls.certificate", CONFIG_TEXT, AT(tls.certificate), NULL, .without = "needed when a listener uses TLS", .reload = CONFIG_RELOADS,
     .reason = "PEM file with the certificate and the chain to its issuer."},
    {"tls.key", CONFIG_TEXT, AT(tls.key), NULL, .without = "needed when a listener uses TLS", .reload = CONFIG_RELOADS,
     .reason = "PEM file with the private key of the certificate."},
    {"tls.certificates", CONFIG_TEXT, AT(tls.certificates), NULL, .without = "`tls.certificate` is for all domains", .reload = CONFIG_RELOADS,
     .reason = "Folder with certificates of single domains: `DOMAIN.pem`, as `tls.certificate`, and `DOMAIN.key` for any of `domains`. A client is shown "
               "that of the domain it names in its TLS handshake (SNI), else in its stream's header; `tls.certificate` when there is none."},
    {"tls.client_ca", CONFIG_TEXT, AT(tls.client_ca), NULL, .without = "no certificate is asked for",
     .reason = "Certificates (PEM) of the authorities whose clients may log in with a certificate instead of a password (SASL EXTERNAL, "
               "XEP-0178). With it every client is asked for one, and none needs one. A certificate lets its owner into the accounts that its "
               "subjectAltName names (id-on-xmppAddr)."},
    {"tls.client_bad_refused", CONFIG_BOOL, AT(tls.client_bad_refused), "false",
     .reason = "End the connection of who shows a certificate of these authorities that is not good: revoked, expired, not for TLS clients (RFC 6120 s. "
               "13.7.2 asks for that). Off, for then it counts as none, and a client that shows it unasked can still log in with its password. One "
               "of an unknown authority always counts as none."},
    {"tls.client_crls", CONFIG_TEXT, AT(tls.client_crls), NULL, .without = "no lists are looked at",
     .reason = "Revocation lists (CRLs) of these authorities and those between them and a client: a file, or a folder whose files are all "
               "read; PEM or DER. Files that change are read again within seconds; put a new list in place by renaming it."},
    {"tls.client_crl_check", CONFIG_CHOICE, AT(tls.client_crl_check), "hard", .names = revocation_names,
     .reason = "What holds when an authority of a client's certificate has no list in `tls.client_crls`, or one that is out of date. `hard`: the "
               "certificate lets nobody in. `soft`: it does, unless a list, however old, has it. `off`: no lists are looked at. `hard`, because "
               "lists that are no longer renewed would otherwise be noticed by nobody; a password still lets its owner in."},
    {"tls.client_ocsp", CONFIG_CHOICE, AT(tls.client_ocsp), "off", .names = revocation_names,
     .reason = "Ask an authority's responder (OCSP, over HTTP) about each certificate that a client logs in with, about those above it, and "
               "again while the session lasts. `hard`: without a good answer the certificate lets nobody in. `soft`: it does, unless the "
               "answer is that it is revoked. Off, because not every authority has a responder, and it learns who logs in when."},
    {"tls.client_ocsp_responder", CONFIG_TEXT, AT(tls.client_ocsp_responder), NULL, .without = "the one that the certificate names",
     .reason = "The responder to ask about all of them, as `http://host:port/path`."},
    {"tls.allow_tls12", CONFIG_BOOL, AT(tls.allow_tls12), "false", .reload = CONFIG_RELOADS,
     .reason = "TLS 1.3 is spoken with everybody; clients that know only TLS 1.2 are let in (AEAD suites "
               "only) when this is "
               "set. Off, because every client that is maintained speaks 1.3, and 1.2 shows the certificate "
               "to listeners."},
    {"listen", CONFIG_LISTENERS, AT(listeners), NULL,
     .without = "`::` port 5222 with STARTTLS and port 5223 with direct TLS",
     .reason = "Where clients connect: a list of the following."},
    {"listen[].address", CONFIG_ADDRESS, LISTENER_AT(address), "::",
     .reason =
         "Numeric address. `::` takes IPv4 as well where the system lets it (net.ipv6.bindv6only = 0)."},
    {"listen[].port", CONFIG_PORT, LISTENER_AT(port), "5222", .min = 1, .max = 65535,
     .reason = "5222 is the registered port for STARTTLS, 5223 the customary one for direct TLS."},
    {"listen[].tls", CONFIG_CHOICE, LISTENER_AT(tls), "starttls", .names = listen_tls_names,
     .reason = "`starttls`: the stream begins in clear and must be upgraded before anything else. `direct`: "
               "TLS from the first "
               "byte. `none`: no TLS, for loopback and for a proxy in front."},
    {"listen[].allow_plaintext", CONFIG_BOOL, LISTENER_AT(allow_plaintext), "false",
     .reason = "`tls: none` on an address other than loopback is refused without this: presence and messages "
               "would cross the "
               "network in clear."},
    {"listen[].records", CONFIG_CHOICE, LISTENER_AT(records), "auto", .names = listen_records_names,
     .reason = "Who seals and opens TLS records for the clients of this listener. `auto`: as `offload.tls` says. `user`: the "
               "daemon. `kernel`: kTLS; the daemon refuses to start where that does not work."},
    {"admin.socket", CONFIG_TEXT, AT(admin.socket), NULL, .without = "`admin.sock` in `state`",
     .reason = "Unix socket for `musterctl`, open to root and the user who runs the daemon. At most 107 "
               "bytes, which is what "
               "a socket's address holds."},
    {"admin.http", CONFIG_ENDPOINT, AT(admin.http), NULL, .without = "no HTTP",
     .reason = "Address and port for health and metrics, as in `127.0.0.1:5280`. No authentication: keep it "
               "on loopback or "
               "behind something that has it."},
    {"workers", CONFIG_NUMBER_AUTO, AT(workers), "auto", .min = 1, .max = 256,
     .reason = "Threads that hold the sessions. `auto`: one for each processor, at least two. An account "
               "belongs to one worker, so "
               "more workers than processors only cost."},
    {"jobs", CONFIG_NUMBER_AUTO, AT(jobs), "auto", .min = 1, .max = 256,
     .reason = "Threads for TLS handshakes and password checks, which would otherwise delay presence. "
               "`auto`: one for each "
               "processor."},
    {"offload.io", CONFIG_CHOICE, AT(offload.io), "auto", .names = offload_names,
     .reason = "The event loop in the kernel, where it can. `auto` takes what the probe at the start proves, "
               "`on` refuses to start "
               "without it, `off` does not try."},
    {"offload.tls", CONFIG_CHOICE, AT(offload.tls), "auto", .names = offload_names,
     .reason = "TLS records sealed and opened by the kernel (kTLS). `auto`, `on` and `off` as above; without "
               "it the daemon does "
               "it, with the same keys."},
    {"offload.bpf", CONFIG_CHOICE, AT(offload.bpf), "auto", .names = offload_names,
     .reason = "eBPF programs (docs/bpf.md): new connections go to the worker with less to do; on listeners without TLS, "
               "white-space keep-alives wake nobody. `auto`, `on` and `off` as above."},
    {"sasl.allow_plain", CONFIG_BOOL, AT(sasl.allow_plain), "false",
     .reason = "Offer PLAIN, on TLS only. Off, because every client speaks SCRAM, with which the password "
               "never reaches the "
               "server."},
    {"sasl.iterations", CONFIG_NUMBER, AT(sasl.iterations), TEXT(SASL_ITERATIONS_DEFAULT),
     .min = SASL_ITERATIONS_MIN, .max = SASL_ITERATIONS_MAX,
     .reason = "SCRAM iterations for passwords that are set from now on. RFC 7677 wants at least 4096; a "
               "client spends this work "
               "at every log-in, so phones feel large numbers."},
    {"sasl.allow_password_change", CONFIG_BOOL, AT(sasl.allow_password_change), "true",
     .reason = "Whether a client that is logged in may set its account's password (XEP-0077 s. 3.3), over TLS only. Off where passwords "
               "are kept elsewhere and brought here."},
    {"sasl.password_length", CONFIG_NUMBER, AT(sasl.password_length), "8", .min = 1, .max = 64,
     .reason = "Characters that a password must have which a client sets, for a new account or its own (RFC 6120 s. 13.9.4). Eight, because guesses "
               "are slowed down (`limits.wrong_passwords`) and longer demands are met with worse passwords. What administrators set, with `musterctl` "
               "or by ad-hoc commands, is as they like."},
    {"sasl.token_lifetime_s", CONFIG_NUMBER, AT(sasl.token_lifetime_s), "1814400", .min = 0, .max = 31536000,
     .reason = "Seconds for which a client may log in with a token instead of the password (FAST, XEP-0484); it is given a new one "
               "once half of that is over. 0 gives out none and takes none. Three weeks: a telephone that was off during a holiday need "
               "not ask for the password, a stolen one is of no use after that."},
    {"registration.allow", CONFIG_BOOL, AT(registration.allow), "false",
     .reason = "Whether a client that is not logged in may make an account (XEP-0077 s. 3.1), over TLS only. Off, because "
               "whoever reaches the port can then have as many as `registration.per_hour` lets them, and most servers "
               "that are open to everybody are used for spam before long."},
    {"registration.allow_removal", CONFIG_BOOL, AT(registration.allow_removal), "false",
     .reason = "Whether a client that is logged in may remove its account with everything in it (XEP-0077 s. 3.2), as "
               "`musterctl user remove` does. Off, because it cannot be undone."},
    {"registration.per_hour", CONFIG_NUMBER, AT(registration.per_hour), "5", .min = 0, .max = 100000,
     .reason = "How many accounts one address (of IPv6, one /64) may ask for within an hour, with those asked for in "
               "vain, or it could be tried out which names are taken. Loopback counts, with all that a proxy there "
               "brings. 0 is no limit. A household gets its accounts in one evening."},
    {"resource_conflict", CONFIG_CHOICE, AT(resource_conflict), "replace", .names = conflict_names,
     .reason = "A client asks for a resource that is in use by its account (RFC 6120 s. 7.7.2.2). `replace` "
               "closes the older "
               "session, which is most often the same client before it lost its connection; `refuse` answers "
               "with an error; `rename` "
               "gives another resource."},
    {"presence.csi", CONFIG_BOOL, AT(presence.csi), "true",
     .reason = "Offer client state indication (XEP-0352). To a client that says it is inactive, presence "
               "changes are held until it is "
               "active again or something else must be sent to it, and only the last of each resource is "
               "sent then. On, because it "
               "saves phones most of their traffic and changes nothing for clients that do not ask."},
    {"presence.conflate_bytes", CONFIG_NUMBER, AT(presence.conflate_bytes), "1048576", .min = 0,
     .max = 1073741824,
     .reason = "When so much waits for a reader who does not take what was sent, presence changes are held "
               "behind it, and only the "
               "last of each resource is sent later; 0 sends every one. A quarter of the default "
               "`limits.queue_bytes`: a burst of "
               "some thousand changes passes untouched, and messages still have room before the reader is "
               "disconnected."},
    {"presence.rate", CONFIG_NUMBER, AT(presence.rate), "1000", .min = 0, .max = 1000000,
     .reason = "Presence changes a second that one session may tell its contacts, in the long run. Changes "
               "beyond that wait, and only "
               "the last of them is told; none is refused. 0 is no limit. The default stops nothing but a "
               "program that has run wild: "
               "each change goes to every contact that is online."},
    {"presence.burst", CONFIG_NUMBER, AT(presence.burst), "10000", .min = 1, .max = 1000000,
     .reason = "Changes that a session may tell at once, before `presence.rate` counts."},
    {"presence.flap_grace_ms", CONFIG_NUMBER, AT(presence.flap_grace_ms), "0", .min = 0, .max = 600000,
     .reason = "Milliseconds for which contacts are not told that a client has lost its connection. When the "
               "same resource is available "
               "again by then, they hear only what it says new. Off (0), because until then they see as "
               "available who cannot be "
               "reached. A client that says goodbye is always believed at once."},
    {"archive.enabled", CONFIG_BOOL, AT(archive.enabled), "true",
     .reason = "Archive one-to-one messages, for each account its own, so that all its clients see all of its conversations "
               "(XEP-0313). Off, nothing is archived; what was is kept until it is too old."},
    {"archive.default", CONFIG_CHOICE, AT(archive.whose), "always", .names = archive_names,
     .reason = "Whose messages go into the archive of an account that has not said otherwise (XEP-0441): everybody's, nobody's, or "
               "those of its contacts."},
    {"archive.messages", CONFIG_NUMBER, AT(archive.messages), "100000", .min = 1, .max = 100000000,
     .reason = "Messages in one account's archive; of more, the oldest are removed. Some years of a busy person, at about a kilobyte "
               "of disk each."},
    {"archive.days", CONFIG_NUMBER, AT(archive.days), "365", .min = 0, .max = 36500,
     .reason = "Messages older than this are removed, within a day or so; 0 keeps them. A year, because clients keep what they have "
               "read, and what is not there cannot be lost."},
    {"limits.stanza_bytes", CONFIG_NUMBER, AT(limits.stanza_bytes), "262144", .min = 10000, .max = 16777216,
     .reason = "Largest stanza. RFC 6120 s. 13.12 forbids less than 10000; avatars and roster results of "
               "other programs need "
               "some hundred thousand."},
    {"limits.unauthenticated_stanza_bytes", CONFIG_NUMBER, AT(limits.unauthenticated_stanza_bytes), "10000",
     .min = 10000, .max = 1048576,
     .reason =
         "The same before log-in, when nobody is known yet who could be held to account for the memory."},
    {"limits.queue_bytes", CONFIG_NUMBER, AT(limits.queue_bytes), "4194304", .min = 65536, .max = 1073741824,
     .reason = "What may wait to be sent to one session; a reader slower than that is disconnected. At least "
               "`limits.stanza_bytes`. A roster of 10,000 contacts is about 1 MiB."},
    {"limits.roster_items", CONFIG_NUMBER, AT(limits.roster_items), "100000", .min = 1, .max = 10000000,
     .reason = "Contacts of one account."},
    {"limits.resources", CONFIG_NUMBER, AT(limits.resources), "32", .min = 1, .max = 1024,
     .reason = "Sessions of one account at a time: every presence to the account goes to each."},
    {"limits.login_timeout_ms", CONFIG_NUMBER, AT(limits.login_timeout_ms), "30000", .min = 1000,
     .max = 600000,
     .reason = "Milliseconds from the connection to a bound resource; after that the connection is closed."},
    {"limits.connections_per_address", CONFIG_NUMBER, AT(limits.connections_per_address), "0", .min = 0,
     .max = 1000000,
     .reason = "Connections from one IP address at a time, loopback excepted; 0 is no limit. No limit, "
               "because an office or a mobile "
               "network may stand behind one address."},
    {"limits.connection_rate", CONFIG_NUMBER, AT(limits.connection_rate), "200", .min = 0, .max = 1000000,
     .reason = "New connections a second from one IP address (IPv6: one /64), loopback excepted; more are closed at once. 0 is no "
               "limit. Enough for a large office behind one address that comes back after an outage, and little enough that "
               "one machine cannot keep the handshake threads busy."},
    {"limits.connection_burst", CONFIG_NUMBER, AT(limits.connection_burst), "2000", .min = 1, .max = 1000000,
     .reason = "New connections from one address at once, before `limits.connection_rate` counts."},
    {"limits.login_attempts", CONFIG_NUMBER, AT(limits.login_attempts), "3", .min = 3, .max = 6,
     .reason = "Failed log-ins after which a stream ends. RFC 6120 s. 6.4.5 wants two to five retries; two, because a person who mistypes "
               "more often is not the usual case, and a program connects anew."},
    {"limits.bind_attempts", CONFIG_NUMBER, AT(limits.bind_attempts), "6", .min = 6, .max = 11,
     .reason = "Refused requests to bind a resource after which a stream ends. RFC 6120 s. 7.7.3 wants five to ten retries; five, since no "
               "client is known that needs any."},
    {"limits.wrong_passwords", CONFIG_NUMBER, AT(limits.wrong_passwords), "10", .min = 0, .max = 1000000,
     .reason = "Wrong passwords of one account, and of one IP address, that cost nothing. After each further one the next password "
               "waits, right or wrong, a quarter of a second at first, twice as long each time; of one address one after the "
               "other. Ten minutes without a wrong one, or for an account a right one, and it is forgotten. A client with an "
               "old password stored tries a few times, and is not to be punished."},
    {"limits.login_delay_ms", CONFIG_NUMBER, AT(limits.login_delay_ms), "5000", .min = 0, .max = 60000,
     .reason = "The longest such wait, in milliseconds; 0 is no wait. Somebody else's guesses make the owner of an account wait "
               "so long, too: therefore seconds, not minutes."},
    {"limits.stanza_rate", CONFIG_NUMBER, AT(limits.stanza_rate), "2000", .min = 0, .max = 1000000,
     .reason = "Stanzas a second that one client may send in the long run. Beyond that the server reads from it more slowly; nothing "
               "is refused or lost. 0 is no limit. No person's client comes near it."},
    {"limits.byte_rate", CONFIG_NUMBER, AT(limits.byte_rate), "8388608", .min = 0, .max = 1073741824,
     .reason = "Bytes a second, in the same way; half of this rate and half of the other use up the allowance together. 0 is no limit."},
    {"limits.rate_burst_s", CONFIG_NUMBER, AT(limits.rate_burst_s), "10", .min = 1, .max = 3600,
     .reason = "For how many seconds' worth of both rates a client may send at once."},
    {"limits.stranger_rate", CONFIG_NUMBER, AT(limits.stranger_rate), "120", .min = 0, .max = 1000000,
     .reason = "Accounts outside its roster that one session may begin to address in a minute, in the long run: messages, queries, "
               "directed presence, requests. Beyond that a stanza to yet another one is refused with `policy-violation`. 0 is no "
               "limit. It slows advertisements, and who tries out names."},
    {"limits.stranger_burst", CONFIG_NUMBER, AT(limits.stranger_burst), "1000", .min = 1, .max = 1000000,
     .reason = "Such accounts at once, before `limits.stranger_rate` counts."},
    {"limits.directed_presences", CONFIG_NUMBER, AT(limits.directed_presences), "1000", .min = 1,
     .max = 1000000,
     .reason = "Addresses outside the roster to which one session has sent directed presence; each must be "
               "told when it ends."},
    {"limits.subscription_requests", CONFIG_NUMBER, AT(limits.subscription_requests), "1000", .min = 1,
     .max = 1000000,
     .reason = "Subscription requests kept for an account until it answers: strangers can make them."},
    {"limits.offline_messages", CONFIG_NUMBER, AT(limits.offline_messages), "1000", .min = 0, .max = 1000000,
     .reason = "Messages kept for an account while none of its clients takes messages; of more, a sender who may know is told, and "
               "others are not. 0 keeps none. Some weeks of one person's messages, which strangers can send as well."},
    {"limits.offline_bytes", CONFIG_NUMBER, AT(limits.offline_bytes), "2097152", .min = 0, .max = 1073741824,
     .reason = "The same in bytes. Half the default `limits.queue_bytes`: they are sent at log-in, and must not make a slow client "
               "look like one that does not read."},
    {"limits.token_clients", CONFIG_NUMBER, AT(limits.token_clients), "32", .min = 1, .max = 1024,
     .reason = "Installations of clients per account that have a log-in token (`sasl.token_lifetime_s`); with one more, the "
               "tokens that expire first go. As many as `limits.resources`."},
    {"limits.blocked_jids", CONFIG_NUMBER, AT(limits.blocked_jids), "1000", .min = 0, .max = 100000,
     .reason = "Entries of one account's block list (XEP-0191); the list is in memory while the account is."},
    {"limits.held_presences", CONFIG_NUMBER, AT(limits.held_presences), "10000", .min = 1, .max = 10000000,
     .reason = "Presences held for one session that is inactive or slow (`presence.csi`, "
               "`presence.conflate_bytes`); at one more, or "
               "beyond `limits.queue_bytes`, all of them are queued. Each costs about 60 bytes besides the "
               "presence, which the sessions "
               "share; the default is a very large roster."},
    {"limits.private_item_bytes", CONFIG_NUMBER, AT(limits.private_item_bytes), "65536", .min = 0, .max = 16777216,
     .reason = "Largest element that a client may keep here for itself (XEP-0049). Clients keep bookmarks and settings: some "
               "thousand bytes."},
    {"limits.private_bytes", CONFIG_NUMBER, AT(limits.private_bytes), "1048576", .min = 0, .max = 1073741824,
     .reason = "All that one account keeps so; each element counts 128 bytes more than its text. 0 lets nobody keep anything."},
    {"limits.vcard_bytes", CONFIG_NUMBER, AT(limits.vcard_bytes), "131072", .min = 0, .max = 16777216,
     .reason = "Largest vCard (XEP-0054), most of which is the photo: one of 96 KiB fits, and clients make them smaller. Everybody "
               "may ask for it, so it is also what a stranger can make the server send. At most `limits.stanza_bytes` counts."},
    {"limits.resume_timeout_ms", CONFIG_NUMBER, AT(limits.resume_timeout_ms), "300000", .min = 0, .max = 86400000,
     .reason = "Milliseconds for which a session with stream management (XEP-0198) that has lost its connection waits to be "
               "resumed, and is available to its contacts meanwhile. A client may ask for less. Five minutes: a lift, a tunnel, "
               "a restarted access point; for longer, contacts would be shown somebody who is not there. 0: no session can be "
               "resumed, stanzas are acknowledged only."},
    {"limits.detached_sessions", CONFIG_NUMBER, AT(limits.detached_sessions), "4", .min = 1, .max = 1024,
     .reason = "Sessions of one account that wait to be resumed; at one more, the one whose time is over first ends. A person's "
               "devices may all lose one network at a time; a client that never resumes, and binds anew, leaves one behind each time."},
    {"limits.unacked_stanzas", CONFIG_NUMBER, AT(limits.unacked_stanzas), "100000", .min = 100, .max = 10000000,
     .reason = "Stanzas kept for one session with stream management until its client acknowledges them, and those that come while it "
               "has no connection; beyond, it ends as a slow reader and cannot be resumed. Each costs 16 bytes (64 without a "
               "connection) besides the stanza, which the sessions share. The default is the presence of a very large roster."},
    {"limits.unacked_bytes", CONFIG_NUMBER, AT(limits.unacked_bytes), "16777216", .min = 65536, .max = 2147483647,
     .reason = "The same in bytes of stanzas. Four times the default `limits.queue_bytes`: what has been sent and not yet "
               "acknowledged counts as well."},
    {"limits.capabilities", CONFIG_NUMBER, AT(limits.capabilities), "10000", .min = 1, .max = 10000000,
     .reason = "Sets of capabilities (XEP-0115, XEP-0390) that each worker remembers, the last claimed: so many versions and "
               "configurations of clients, each some hundred bytes. What is forgotten is asked for again when it is next claimed."},
    {"pep.nodes", CONFIG_NUMBER, AT(pep.nodes), "100", .min = 1, .max = 100000,
     .reason = "Nodes that one account may publish (XEP-0163). Clients use ten to twenty; each device of some "
               "encryption schemes has one of its own."},
    {"pep.items", CONFIG_NUMBER, AT(pep.items), "1000", .min = 1, .max = 1000000,
     .reason = "Items kept in one node, and what `max` means in a node's configuration. Bookmarks of rooms are one item each."},
    {"pep.item_bytes", CONFIG_NUMBER, AT(pep.item_bytes), "131072", .min = 1024, .max = 16777216,
     .reason = "Largest item. An avatar is the largest thing that clients publish, some ten thousand bytes and rarely a hundred "
               "thousand; an item goes to everybody who wants to hear of it."},
    {"pep.account_bytes", CONFIG_NUMBER, AT(pep.account_bytes), "2097152", .min = 1024, .max = 1073741824,
     .reason = "All items of one account together: thirty of the largest avatars one has seen."},
    {"groups", CONFIG_GROUPS, AT(groups), NULL, .without = "only the groups made with `musterctl group`",
     .reason = "Shared groups (docs/groups.md), a list of the following. The file is the authority on the groups it names: at each "
               "start they become what it says, one that is no longer in it is removed, and `musterctl group` refuses to change "
               "them."},
    {"groups[].name", CONFIG_GROUP_NAME, GROUP_AT(name), NULL, .is_required = true, .max = GROUP_NAME_BYTES_MAX,
     .reason = "What `musterctl group` calls it. A group of that name that `musterctl group` has made must be removed there first."},
    {"groups[].title", CONFIG_TITLE, GROUP_AT(title), NULL, .without = "the name", .max = GROUP_TITLE_BYTES_MAX,
     .reason = "The group's name in the rosters of those who see its members."},
    {"groups[].members", CONFIG_MEMBERS, GROUP_AT(members), NULL, .without = "nobody",
     .reason = "Accounts of the domains served here. One that does not exist becomes a member when it is made."},
    {"groups[].visible_to", CONFIG_VISIBILITY, GROUP_AT(visibility), "members", .names = visibility_names,
     .reason = "Who sees the members: they each other (`members`), nobody by this group (`hidden`), or the members of the groups in a "
               "list of 32 at most, before or behind this one in the file, or this one."},
    {"federation.enabled", CONFIG_BOOL, AT(federation.enabled), "false",
     .reason = "Speak to other XMPP servers (docs/federation.md), with `tls.certificate` in both directions. Off, because it opens a "
               "port to everybody and lets strangers of other domains write to the accounts here."},
    {"federation.address", CONFIG_ADDRESS, AT(federation.address), "::",
     .reason = "Numeric address where other servers connect."},
    {"federation.port", CONFIG_PORT, AT(federation.port), "5269", .min = 1, .max = 65535,
     .reason = "Port for servers, with STARTTLS; 5269 is the registered one, where servers look without a SRV record."},
    {"federation.direct_port", CONFIG_NUMBER, AT(federation.direct_port), "0", .min = 0, .max = 65535,
     .reason = "Another port with TLS from the first byte (XEP-0368; 5270 is customary); 0: none. Servers find it by its SRV record "
               "only."},
    {"federation.ca", CONFIG_TEXT, AT(federation.ca), NULL, .without = "the system's authorities", .reload = CONFIG_RELOADS,
     .reason = "Certificates (PEM) of the authorities whose certificates other servers may show."},
    {"federation.certificates", CONFIG_CHOICE, AT(federation.certificates), "required", .names = certificates_names,
     .reason = "`required`: only servers whose certificate is good and names their domain, in both directions. `optional`: others as "
               "well, by dialback, which believes what DNS says. TLS is required in any case."},
    {"federation.dialback", CONFIG_BOOL, AT(federation.dialback), "true",
     .reason = "Speak dialback (XEP-0220) with servers that do not take or show a certificate for SASL EXTERNAL. On: under "
               "`certificates: required` it only proves the domain to servers that do not look at our certificate."},
    {"federation.bidirectional", CONFIG_BOOL, AT(federation.bidirectional), "true",
     .reason = "One stream in both directions with servers that know it (XEP-0288), by the certificate of whoever is connected to; "
               "otherwise each side opens one of its own."},
    {"federation.hosts", CONFIG_HOSTS, AT(federation.hosts), NULL, .without = "every domain is looked up in DNS",
     .reason = "Domains that are not looked up, each with address and port, as in `example.org=192.0.2.1:5269`: for private networks. "
               "Certificates are judged all the same."},
    {"federation.streams", CONFIG_NUMBER, AT(federation.streams), "1000", .min = 2, .max = 100000,
     .reason = "Streams with other servers, and domains being tried, that one worker has at a time; with one more, new ones are refused "
               "and stanzas bounce. Each costs some ten thousand bytes."},
    {"federation.queue_stanzas", CONFIG_NUMBER, AT(federation.queue_stanzas), "1000", .min = 1, .max = 1000000,
     .reason = "Stanzas that wait for the stream to one domain; more bounce with `resource-constraint`. A user of many contacts there "
               "comes online while the stream is being made."},
    {"federation.queue_bytes", CONFIG_NUMBER, AT(federation.queue_bytes), "1048576", .min = 10000, .max = 1073741824,
     .reason = "The same in bytes. At least `limits.stanza_bytes`."},
    {"federation.connect_timeout_ms", CONFIG_NUMBER, AT(federation.connect_timeout_ms), "10000", .min = 100, .max = 120000,
     .reason = "For looking a domain up, then for one address of its server; then the next is tried. Longer than three lost packets "
               "take."},
    {"federation.login_timeout_ms", CONFIG_NUMBER, AT(federation.login_timeout_ms), "30000", .min = 1000, .max = 600000,
     .reason = "From the connection until the domain is proved, in both directions; dialback takes a second connection within it."},
    {"federation.idle_timeout_ms", CONFIG_NUMBER, AT(federation.idle_timeout_ms), "600000", .min = 1000, .max = 86400000,
     .reason = "A stream that has carried no stanza for so long is closed, and made again when one is due. Ten minutes: presence of "
               "a few contacts keeps it open."},
    {"federation.retry_first_ms", CONFIG_NUMBER, AT(federation.retry_first_ms), "2000", .min = 100, .max = 3600000,
     .reason = "After a failure a domain is not tried again for about so long (half as much at least, at random, so that servers do not "
               "come back all at once), twice as long after each further one. Meanwhile stanzas for it bounce at once."},
    {"federation.retry_max_ms", CONFIG_NUMBER, AT(federation.retry_max_ms), "300000", .min = 100, .max = 86400000,
     .reason = "The longest such time. Five minutes after the other server is back, everybody reaches it."},
    {"federation.stanza_rate", CONFIG_NUMBER, AT(federation.stanza_rate), "10000", .min = 0, .max = 1000000,
     .reason = "Stanzas a second that another server may send on one stream in the long run, and `limits.rate_burst_s` times as many at "
               "once. Beyond that it is read more slowly; nothing is refused or lost. 0 is no limit. Five times a client's, for it "
               "speaks for all its users."},
    {"federation.byte_rate", CONFIG_NUMBER, AT(federation.byte_rate), "33554432", .min = 0, .max = 1073741824,
     .reason = "Bytes a second, in the same way; half of this rate and half of the other use up the allowance together. 0 is no limit."},
    {"smime.mode", CONFIG_CHOICE, AT(smime.mode), "off", .names = config_smime_modes, .reload = CONFIG_RELOADS,
     .reason = "What is done about stanzas that are signed or encrypted end to end (RFC 3923, docs/smime.md). `off`: they pass as any other. `observe`: "
               "signatures are verified and counted, and nothing else happens. `annotate`: clients of the domains served here that ask are told what was "
               "found out, by a mark beside the object. `enforce`: and what is signed and does not verify is refused. Stanzas that are not signed "
               "pass in each. Off, because it says whom to believe, which only the operator knows."},
    {"smime.domains", CONFIG_MODES, AT(smime.domains), NULL, .without = "all as `smime.mode` says", .names = config_smime_modes, .reload = CONFIG_RELOADS,
     .reason = "Domains served here with a mode of their own, as in `example.org=enforce`: for what is said to their accounts, and by them to other "
               "servers."},
    {"smime.peers", CONFIG_MODES, AT(smime.peers), NULL, .without = "none has a mode of its own", .names = config_smime_modes, .reload = CONFIG_RELOADS,
     .reason = "Senders, accounts or whole domains, with a mode of their own, as in `romeo@example.net=annotate`: it goes before the domains'. An account's "
               "goes before its domain's."},
    {"smime.must_sign", CONFIG_NAMES, AT(smime.must_sign), NULL, .without = "nobody must", .reload = CONFIG_RELOADS,
     .reason = "Senders, accounts or whole domains, whose messages, and the directed presence of those among them who are served here, are refused unless they are signed and verify. Otherwise who "
               "takes a signature away would be believed like one who never signs. What is only encrypted proves no sender, and is refused, too."},
    {"smime.anchors", CONFIG_TEXT, AT(smime.anchors), NULL, .without = "needed when any mode is not `off`", .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Certificates (PEM) of the authorities that say who signs. Not those of TLS: whom to believe about servers is another question. This file and "
               "the next two are read again within seconds when they change."},
    {"smime.intermediates", CONFIG_TEXT, AT(smime.intermediates), NULL, .without = "signers bring what stands between", .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Certificates (PEM) between authorities and signers, for objects that do not carry them."},
    {"smime.crls", CONFIG_TEXT, AT(smime.crls), NULL, .without = "no lists are looked at", .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Revocation lists of these authorities and those between: a file, or a folder whose files are all read; PEM or DER. With it every "
               "certificate of a chain must be in the domain of a list that is up to date, or its signatures count as `revoked`."},
    {"smime.purpose", CONFIG_CHOICE, AT(smime.purpose), "require", .names = purpose_names, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "What a signer's certificate must be for (RFC 9734). `require`: instant messaging (id-kp-imUri) must be among its extended key usages. `strict`: and "
               "TLS must not. `legacy`: certificates without it, with any, or for e-mail count as well, as in RFC 3923's days. `require`, because a certificate for "
               "something else says nothing about who may speak as this JID."},
    {"smime.legacy_algorithms", CONFIG_BOOL, AT(smime.legacy_algorithms), "false", .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Take SHA-1, which RFC 3923 s. 6.10 names and nobody should believe any more. For tests of conformance."},
    {"smime.ocsp", CONFIG_CHOICE, AT(smime.ocsp), "off", .names = revocation_names, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Ask an authority's responder (OCSP, over HTTP) about signers' certificates and those above. `hard`: without a good answer the signature "
               "does not count. `soft`: it does, unless the answer is that the certificate is revoked. Off, because not every authority has a responder, and it "
               "learns who speaks when."},
    {"smime.ocsp_responder", CONFIG_TEXT, AT(smime.ocsp_responder), NULL, .without = "the one that the certificate names", .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "The responder to ask about all of them, as `http://host:port/path`."},
    {"smime.queue", CONFIG_NUMBER, AT(smime.queue), "1000", .min = 1, .max = 1000000, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Objects that are being verified or wait for it at a time; one more counts as `busy`. Half a second's worth for one processor, and "
               "at most 64 MiB."},
    {"smime.timeout_ms", CONFIG_NUMBER, AT(smime.timeout_ms), "2000", .min = 100, .max = 60000, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Milliseconds after which an object that is not verified yet counts as `busy`; what its sender says next waits meanwhile."},
    {"smime.cache", CONFIG_NUMBER, AT(smime.cache), "10000", .min = 1, .max = 10000000, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Signers whose certificates, and what became of their chains, are remembered: the last ones. Each takes about two thousand bytes. A chain that is "
               "known saves half of the work, and clients may leave out certificates that are known."},
    {"smime.replay", CONFIG_NUMBER, AT(smime.replay), "100000", .min = 100, .max = 10000000, .reload = CONFIG_RELOADS_BEFORE_SMIME,
     .reason = "Objects that are remembered for ten minutes, so that the same one does not count twice. When there are more, the oldest are "
               "forgotten; under `enforce` new ones count as `busy`. One signer may have a sixteenth of them. A hundred thousand: 160 a second."},
    {"admins", CONFIG_JIDS, AT(admins), NULL, .without = "only `musterctl` administers",
     .reason = "Accounts that may run the server's ad-hoc commands (XEP-0050): add and remove users, set passwords, end sessions, list "
               "who is online, read statistics, make announcements."},
    {"services.version", CONFIG_BOOL, AT(services.version), "true",
     .reason = "Tell who asks what program this is, and which version (XEP-0092). On, because it helps those who look into trouble, "
               "and hides nothing from who means harm."},
    {"services.version_os", CONFIG_BOOL, AT(services.version_os), "false",
     .reason = "Tell them the operating system, too. Off, because nobody needs it."},
    {"services.last_activity", CONFIG_BOOL, AT(services.last_activity), "true",
     .reason = "Keep when an account was last available and what it said then, for those who may see its presence (XEP-0012, RFC "
               "6121 s. 4.3.2). Costs a row written whenever an account goes offline."},
    {"contacts.abuse", CONFIG_URIS, AT(contacts[0]), NULL, .without = "none is told",
     .reason = "Whom to ask about abuse, told to everybody (XEP-0157)."},
    {"contacts.admin", CONFIG_URIS, AT(contacts[1]), NULL, .without = "none is told",
     .reason = "Whom to ask about administration, told to everybody (XEP-0157)."},
    {"contacts.feedback", CONFIG_URIS, AT(contacts[2]), NULL, .without = "none is told",
     .reason = "Whom to ask about feedback, told to everybody (XEP-0157)."},
    {"contacts.sales", CONFIG_URIS, AT(contacts[3]), NULL, .without = "none is told",
     .reason = "Whom to ask about sales, told to everybody (XEP-0157)."},
    {"contacts.security", CONFIG_URIS, AT(contacts[4]), NULL, .without = "none is told",
     .reason = "Whom to ask about security, told to everybody (XEP-0157)."},
    {"contacts.status", CONFIG_URIS, AT(contacts[5]), NULL, .without = "none is told",
     .reason = "Whom to ask about the state of the service, told to everybody (XEP-0157)."},
    {"contacts.support", CONFIG_URIS, AT(contacts[6]), NULL, .without = "none is told",
     .reason = "Whom to ask about support, told to everybody (XEP-0157)."},
    {"log_level", CONFIG_CHOICE, AT(log_level), "info", .names = log_names, .reload = CONFIG_RELOADS,
     .reason =
         "What is written to standard error: `error`, `warn`, `info` or `debug` and everything before it."},
};
/* clang-format on */

const unsigned config_row_count = sizeof config_rows / sizeof config_rows[0];
_Static_assert(sizeof config_rows / sizeof config_rows[0] <= CONFIG_ROWS_MAX, "marks are kept for every row");

bool config_row_is_in_list(const struct config_row *row)
{
    return strstr(row->path, "[].") != NULL;
}

bool config_row_has_variable(const struct config_row *row)
{
    return row->type != CONFIG_LISTENERS && row->type != CONFIG_GROUPS && !config_row_is_in_list(row);
}

const struct config_row *config_row_find(struct span path)
{
    for (unsigned i = 0; i < config_row_count; i++)
        if (span_equal(span_of(config_rows[i].path), path))
            return &config_rows[i];
    return NULL;
}

bool config_is_section(struct span path)
{
    for (unsigned i = 0; i < config_row_count; i++) {
        struct span row = span_of(config_rows[i].path);
        if (row.len > path.len && span_starts(row, path) && row.ptr[path.len] == '.')
            return true;
    }
    return false;
}

/* Levenshtein's distance of two short texts; longer ones are taken as far apart. */
static unsigned distance(struct span a, struct span b)
{
    enum { LENGTH_MAX = 48 };
    unsigned row[LENGTH_MAX + 1];
    if (a.len > LENGTH_MAX || b.len > LENGTH_MAX)
        return LENGTH_MAX;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (tolower((unsigned char)a.ptr[i - 1]) != b.ptr[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len];
}

static struct span last_part(struct span path)
{
    const char *dot = path.len ? memrchr(path.ptr, '.', path.len) : NULL;
    return dot ? span_skip(path, (size_t)(dot - path.ptr) + 1) : path;
}

/* Keep `candidate` when it is near enough and nearer than what there is. */
static void nearer(struct span *nearest, unsigned *best, struct span candidate, unsigned errors)
{
    if (errors <= 1 + last_part(candidate).len / 4 && (nearest->len == 0 || errors < *best)) {
        *nearest = candidate;
        *best = errors;
    }
}

struct span config_nearest(struct span path)
{
    struct span nearest = {0};
    unsigned best = 0;
    for (unsigned i = 0; i < config_row_count; i++) {
        struct span row = span_of(config_rows[i].path);
        const char *dot = strchr(row.ptr, '.');
        nearer(&nearest, &best, row, distance(path, row));
        /* the right key in the wrong section is as good as one error */
        nearer(&nearest, &best, row, distance(last_part(path), last_part(row)) + 1);
        if (dot && !config_row_is_in_list(&config_rows[i])) {
            struct span section = span_make(row.ptr, (size_t)(dot - row.ptr));
            nearer(&nearest, &best, section, distance(path, section));
        }
    }
    return nearest;
}

void config_environment_name(const struct config_row *row, struct buffer *out)
{
    buffer_literal(out, "MUSTER_");
    for (const char *c = row->path; *c; c++)
        buffer_append_char(out, (char)(*c == '.' ? '_' : toupper((unsigned char)*c)));
}
