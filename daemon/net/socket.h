/* SPDX-License-Identifier: Apache-2.0 */
/* What a TCP connection is given, accepted or made. */
#ifndef MUSTER_NET_SOCKET_H
#define MUSTER_NET_SOCKET_H

/* Of a listening socket: those that it accepts inherit them (tcp(7)), which spares each of them six calls. */
void socket_options(int fd);

#endif
