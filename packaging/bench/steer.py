#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does steering even out what the workers have to do? steer.py --build DIR [--workers N] [--connections N] [--rounds N] [--logins N]

One daemon of its own, the program turned on and off in turn, `--rounds` times each way:

* connections that come one by one and stay unevenly long (a Pareto law: most go soon, some stay for hundreds of others), not logged in.
  Every fifth of them it is asked how many each worker has: printed are the mean of the fullest worker's share over the even share, and of
  the difference between fullest and emptiest;
* log-ins by muster-bench, `--logins` of them (0: none): time and CPU of each.
"""
import argparse
import heapq
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))
from test_steer import Steered  # noqa: E402

LOGIN_WEIGHT = 64  # include/muster/steer.h
PARETO = 1.1
SHORTEST = 40  # how many others come before the first goes
SAMPLE_EVERY = 5
BENCH_USERS = 400


def loads(server):
    """Connections of each worker that have not logged in."""
    lines = [line.split("\t") for line in server.musterctl("offload").stdout.splitlines()]
    return [int(line[3].partition("=")[2]) // LOGIN_WEIGHT for line in lines if line[0] == "steer.worker"]


def come_and_go(server, count, lives):
    """Connections that stay while `lives` others come; samples of [connections of each worker]."""
    leaving, samples = [], []
    for i in range(count):
        while leaving and leaving[0][0] <= i:
            heapq.heappop(leaving)[2].close()
        heapq.heappush(leaving, (i + lives[i], i, socket.create_connection(("127.0.0.1", server.plain_port))))
        if i % SAMPLE_EVERY == 0 and i >= SHORTEST:
            samples.append(loads(server))
    for _, _, connection in leaving:
        connection.close()
    while server.stat("connections"):
        pass
    return samples


def log_ins(server, accounts, count):
    done = subprocess.run([os.path.join(server.build, "muster-bench"), "login", "--accounts", accounts, "--logins", str(count), "--port",
                           str(server.direct_port), "--direct-tls", "--ca", server.ca, "--host", "127.0.0.1", "--keys",
                           server.path("keys"), "--server-pid", str(server.process.pid), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def spread_print(state, rounds):
    samples = [s for one in rounds for s in one]
    fullest = statistics.mean(max(s) * len(s) / sum(s) for s in samples)
    apart = [max(s) - min(s) for s in samples]
    held = statistics.mean(sum(s) for s in samples)
    print(f"{state:6} {len(samples)} samples of {held:.0f} connections: the fullest worker has {fullest:.2f} of an even share, "
          f"fullest and emptiest are {statistics.mean(apart):.1f} apart ({max(apart)} at most)")


def log_ins_print(state, reports):
    values = {name: [report[name] for report in reports] for name in ("logins_per_s", "cpu_per_login_ms", "login_p50_ms", "login_p99_ms")}
    print(f"{state:6} log-ins: " + ", ".join(f"{name} {statistics.median(got):.3g} ({min(got):.3g} to {max(got):.3g})"
                                             for name, got in values.items()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--logins", type=int, default=0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = Steered(os.path.abspath(options.build), workers=options.workers)
    server.extra = "limits: {connection_rate: 0, login_timeout_ms: 600000}\n"
    chance = random.Random(1)
    lives = [int(SHORTEST * chance.paretovariate(PARETO)) for _ in range(options.connections)]
    spread, bench = {"off": [], "on": []}, {"off": [], "on": []}
    try:
        server.start()
        accounts = server.path("accounts.tsv")
        with open(accounts, "w") as out:
            out.writelines(f"u{i}@localhost\tpassword {i}\n" for i in range(BENCH_USERS))
        if options.logins:
            server.musterctl("user", "import", accounts)
        for n in range(2 * options.rounds):
            state = ("off", "on")[n % 2]
            server.musterctl("offload", "steer", state)
            spread[state].append(come_and_go(server, options.connections, lives))
            if options.logins:
                bench[state].append(log_ins(server, accounts, options.logins))
        for state, rounds in spread.items():
            spread_print({"off": "hash", "on": "steer"}[state], rounds)
        for state, reports in bench.items():
            if reports:
                log_ins_print({"off": "hash", "on": "steer"}[state], reports)
    finally:
        server.stop()
        server.remove()


if __name__ == "__main__":
    main()
