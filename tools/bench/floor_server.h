/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a fan-out can cost: a process of its own that seals one message for each of its sockets and
 * sends it through io_uring. It knows no stanzas, no accounts and no rosters; the kernel's work and the
 * cipher's are all it does. */
#ifndef MUSTER_BENCH_FLOOR_SERVER_H
#define MUSTER_BENCH_FLOOR_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What one trigger makes, and how it travels. */
struct floor_plan {
    uint32_t connections;       /* the first to connect is the trigger's; all get every message */
    uint32_t message_bytes;     /* of each, before sealing */
    uint32_t messages_per_send; /* joined in one record and one send */
    bool is_sealed;             /* TLS 1.3, AES-128-GCM; or bare TCP */
};

/* Shorter messages have no room for their number. */
#define FLOOR_MESSAGE_BYTES_MIN 64
/* All messages of a send fit one TLS record. */
#define FLOOR_SEND_BYTES_MAX 16000

/* A message begins with FLOOR_HEAD and its number in ten digits; a trigger likewise. */
#define FLOOR_HEAD "<presence from='f@x'><status>"
#define FLOOR_NUMBER_DIGITS 10
#define FLOOR_TAIL "</status></presence>"

/* Serve `listener`: take all connections (with their TLS handshakes), then answer each trigger, number n,
 * with the messages n, n + 1, ..., until the trigger's connection ends. Returns the exit code of the
 * process. */
int floor_server_run(int listener, const struct floor_plan *plan);

/* Write one message of exactly `bytes` bytes into `to`. */
void floor_message_write(char *to, uint32_t bytes, uint32_t number);

#endif
