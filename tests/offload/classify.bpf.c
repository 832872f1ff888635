/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The classifier as the programs in the kernel have it, and nothing else: it answers with the class of what stands behind the header of an
 * Ethernet frame, and is run with frames that are made up (BPF_PROG_TEST_RUN, which the daemon's own types of program do not have). */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "view.h"

SEC("tc")
int classify(struct __sk_buff *skb)
{
    return skb->len < ETH_HLEN ? -1 : (int)view_class(skb, ETH_HLEN, skb->len - ETH_HLEN);
}

char program_license[] SEC("license") = "GPL";
