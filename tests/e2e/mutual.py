#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everybody changes presence and every delivery is checked: mutual.py BUILD [--workers N].

Starts musterd on loopback, imports accounts with mutual contacts on a ring, has muster-bench log all in over TLS and
change presence in rounds, then leave. Each delivery must arrive exactly once, in order per sender, and nowhere else.
Prints `ok NAME` or `not ok NAME: what is wrong` for each part. Exit 0 when all is well, 1 when not, 2 on wrong usage.
"""
import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

KINDS = ("missing", "duplicate", "reordered", "misdelivered", "unexpected", "garbled")


def bench(server, *arguments):
    """Run muster-bench; returns (exit code, its JSON report or None, its errors)."""
    done = subprocess.run([os.path.join(server.build, "muster-bench"), *map(str, arguments)], capture_output=True, text=True)
    report = json.loads(done.stdout) if done.stdout.startswith("{") else None
    return done.returncode, report, done.stderr.strip()


def prepare(server, users, contacts):
    """Write the files and import them; returns the arguments that name them."""
    subprocess.run([os.path.join(server.build, "muster-bench"), "prepare", "--users", str(users), "--contacts", str(contacts),
                    "--domain", servers.DOMAIN, "--out", server.folder], check=True, stdout=subprocess.DEVNULL)
    accounts, rosters = server.path("accounts.tsv"), server.path("rosters.tsv")
    server.musterctl("user", "import", accounts)
    server.musterctl("roster", "import", rosters)
    return ["--accounts", accounts, "--rosters", rosters, "--ca", server.ca]


def expected_deliveries(users, contacts, rounds):
    """What must arrive when all log in, change `rounds` times, and every second one leaves again and again."""
    total = users * (contacts + 1) * (rounds + 1)
    remaining = list(range(users))
    while len(remaining) > 1:
        stay, leave = remaining[0::2], remaining[1::2]
        stays = set(stay)
        for leaver in leave:
            steps = [*range(1, contacts // 2 + 1)]
            total += sum((leaver + step) % users in stays for step in steps)
            total += sum((leaver - step) % users in stays for step in steps)
        remaining = stay
    return total


def run(name, server, files, options, tls, leave):
    """One run over one kind of TLS. True when all is well."""
    port = server.starttls_port if tls == "--starttls" else server.direct_port
    code, report, errors = bench(server, "mutual", tls, "--port", port, *files, "--rounds", options.rounds, "--leave", leave,
                                 "--server-pid", server.process.pid, "--timeout", options.timeout, "--json")
    if report is None:
        print(f"not ok {name}: exit {code}: {errors}")
        return False
    wanted = expected_deliveries(options.users, options.contacts, options.rounds)
    arrived = report["deliveries_arrived"]
    found = ", ".join(f"{report[kind]} {kind}" for kind in KINDS)
    line = (f"{name}: {arrived} of {wanted} deliveries, {found}, {report['sessions_lost']} sessions lost, "
            f"{report.get('cpu_per_delivery_us', 0):.1f} us CPU a delivery, p99 {report.get('delivery_p99_ms', 0):.1f} ms")
    if code == 0 and report["result"] == "ok" and arrived == wanted:
        print(f"ok {line}")
        return True
    print(f"not ok {line}")
    for violation in report["violation_list"]:
        print(f"    {violation}")
    if report["sessions_lost"]:
        print(f"    first loss: {report.get('first_loss')}")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build folder with musterd, musterctl and muster-bench")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--contacts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timeout", type=int, default=30, help="seconds without progress that count as failure")
    options = parser.parse_args()
    server = servers.Musterd(os.path.abspath(options.build), options.workers)
    clean = True
    try:
        server.start()
        files = prepare(server, options.users, options.contacts)
        for tls, leave in (("--starttls", "graceful"), ("--direct-tls", "cut")):
            name = f"mutual presence of {options.users}, {options.workers} workers, {tls[2:]}, leaving {leave}"
            clean = run(name, server, files, options, tls, leave) and clean
            sys.stdout.flush()
        code = server.stop()
        if code != 0:
            print(f"not ok musterd stops cleanly: {code}")
            clean = False
        else:
            print("ok musterd stops cleanly")
        if not clean:
            print("    last lines of its log:\n" + "\n".join("    " + line for line in server.log_text().splitlines()[-20:]))
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"not ok mutual presence: {error}")
        clean = False
    finally:
        server.remove()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
