#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long does the server take to answer for accounts that exist, that do not, and that are online? bench_privacy.py BUILD.

The same question about each, in turn, many times; prints median, quartiles and the share of pairs in which the first
was slower (0.5: nobody can tell; Mann and Whitney's statistic). It measures and judges nothing: what must be alike is counted
by tests/flow/test_work.c, which no noise can fail.
"""
import argparse
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402
from raw import Raw  # noqa: E402

QUESTIONS = (("iq to a resource", "<iq type='get' id='{id}' to='{jid}/x'><query xmlns='jabber:iq:version'/></iq>"),
             ("iq to the account", "<iq type='get' id='{id}' to='{jid}'><query xmlns='jabber:iq:version'/></iq>"),
             ("groupchat", "<message type='groupchat' id='{id}' to='{jid}'/>"))


def took_us(session, text, request):
    begin = time.perf_counter_ns()
    session.send(text)
    while (element := session.next()) is not None and element.get("id") != request:
        pass
    return (time.perf_counter_ns() - begin) / 1000


def share_slower(first, second):
    return sum((a > b) + (a == b) / 2 for a in first for b in second) / (len(first) * len(second))


def measure(session, kinds, repetitions):
    for name, format_ in QUESTIONS:
        times = {kind: [] for kind in kinds}
        for number in range(repetitions):
            for kind, jid_of in kinds.items():
                request = f"{kind[:2]}{number}"
                times[kind].append(took_us(session, format_.format(id=request, jid=jid_of(number)), request))
        for kind, values in times.items():
            low, middle, high = statistics.quantiles(values, n=4)
            print(f"{name:18} {kind:8} median {middle:7.0f} us, quartiles {low:.0f} to {high:.0f}, "
                  f"slower than unknown: {share_slower(values, times['unknown']):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--repetitions", type=int, default=300)
    options = parser.parse_args()
    server = servers.Musterd(os.path.abspath(options.build), 2)
    try:
        server.start()
        for name in ("asker", "offline", "online"):
            server.add_user(f"{name}@{servers.DOMAIN}", "secret")
        there = Raw(server, "direct").log_in((f"online@{servers.DOMAIN}", "secret"))
        there.send("<presence/>")
        asker = Raw(server, "direct").log_in((f"asker@{servers.DOMAIN}", "secret"))
        measure(asker, {"offline": lambda _: f"offline@{servers.DOMAIN}", "unknown": lambda n: f"nobody{n}@{servers.DOMAIN}",
                        "online": lambda _: f"online@{servers.DOMAIN}"}, options.repetitions)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
