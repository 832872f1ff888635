#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long does the server take to answer for accounts that exist, that do not, and that are online? bench_privacy.py BUILD.

The same question about each, in turn, many times; prints median, quartiles and the share of pairs in which the first
was slower (0.5: nobody can tell; Mann and Whitney's statistic). It measures and judges nothing: what must be alike is counted
by tests/flow/test_work.c, which no noise can fail.
"""
import argparse
import os
import random
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402
from raw import Raw  # noqa: E402

QUESTIONS = (("iq to a resource", "<iq type='get' id='{id}' to='{jid}/x'><query xmlns='jabber:iq:version'/></iq>"),
             ("iq to the account", "<iq type='get' id='{id}' to='{jid}'><query xmlns='jabber:iq:version'/></iq>"),
             ("groupchat", "<message type='groupchat' id='{id}' to='{jid}'/>"))


# Accounts of each kind: an account's home is this worker or that one by chance, and the way there is part of what is measured.
ACCOUNTS = 64


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
            for kind, jid_of in random.sample(list(kinds.items()), len(kinds)):  # what was asked before leaves traces
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
        jids = {kind: [f"{kind}{n}@{servers.DOMAIN}" for n in range(ACCOUNTS)] for kind in ("offline", "online")}
        for jid in [f"asker@{servers.DOMAIN}"] + jids["offline"] + jids["online"]:
            server.add_user(jid, "secret")
        there = [Raw(server, "direct").log_in((jid, "secret")) for jid in jids["online"]]
        for session in there:
            session.send("<presence/>")
        asker = Raw(server, "direct").log_in((f"asker@{servers.DOMAIN}", "secret"))
        measure(asker, {"offline": lambda n: jids["offline"][n % ACCOUNTS], "unknown": lambda n: f"nobody{n % ACCOUNTS}@{servers.DOMAIN}",
                        "online": lambda n: jids["online"][n % ACCOUNTS]}, options.repetitions)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
