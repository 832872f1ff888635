/* SPDX-License-Identifier: Apache-2.0 */
/* Records sealed and opened by the kernel (kTLS): application data goes through the socket as it is, and what is not application
 * data (alerts, KeyUpdate) comes and goes as control messages. */
#ifndef MUSTER_TLS_RECORD_KERNEL_H
#define MUSTER_TLS_RECORD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/record.h"
#include "tls/secrets.h"

/* What the running kernel was seen to do, on a pair of loopback sockets. Bits are 1u << enum tls_suite. */
struct record_kernel_abilities {
    uint32_t tls13_suites, tls12_suites;
    bool can_rekey; /* TLS 1.3 KeyUpdate, both ways */
    int error;      /* negative errno of the first thing that failed, 0 when all works: why not */
    int suite_errors[TLS_SUITES]; /* the same for each suite of TLS 1.3 */
};

/* Try every suite, and a change of keys. A few milliseconds and one loopback connection a suite. */
void record_kernel_probe(struct record_kernel_abilities *ret);
/* Whether a socket can be given to the kernel's TLS at all, whatever the suite. 0 or negative errno: -ENOENT: it has none. */
int record_kernel_probe_ulp(void);

/* Hand the keys of `user` (a user-space record at a record boundary in both directions: nothing half received, nothing
 * sealed and unsent) to the kernel for the TCP socket `fd`. 0 and the record that takes its place in *ret_record (`user` is
 * freed); negative errno: `user` goes on as before, unless -EPIPE: the kernel took one direction only, close. */
int record_kernel_new(struct record *user, int fd, bool can_rekey, struct record **ret_record);
/* Its first step: give the TCP socket `fd` to the kernel's TLS, without keys yet. 0 or negative errno. */
int record_kernel_attach(int fd);

/* Can this kernel do what `user` needs? */
bool record_kernel_fits(const struct record *user, const struct record_kernel_abilities *abilities);

bool record_is_kernel(const struct record *r);

/* A receive said EIO: a record that is not application data stands first. Take it off the socket and act on it. 0: go on receiving;
 * -EAGAIN: there was none; RECORD_CLOSED, RECORD_BAD as from record_open; RECORD_UNRENEWABLE: the peer has changed
 * its keys and this kernel cannot: nothing more can be read, the stream ends with <reset/>. */
enum { RECORD_UNRENEWABLE = 16 };
int record_kernel_control(struct record *r);
/* Application data has come, and was not given to record_open: what stands before it and behind it is not in a row (as is limited). */
void record_kernel_data_came(struct record *r);

/* Change our own sending keys now, as the usage limit would. 0 or negative errno. */
int record_kernel_update_keys(struct record *r);

/* The alert that fits a failed receive (EBADMSG, EMSGSIZE ...), TLS_ALERT_NONE when it is no matter of TLS. */
uint8_t record_kernel_alert_of(int error);

#endif
