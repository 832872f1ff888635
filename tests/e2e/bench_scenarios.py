#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does every scenario of muster-bench run and find nothing wrong? bench_scenarios.py BUILD [--only TEXT].

Small numbers against one musterd; for those that reach nothing but their own process, none. Each must exit 0, report `ok`,
and have seen the number of deliveries that its load implies. Prints `ok NAME` or `not ok NAME: ...`.
"""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutual  # noqa: E402
import servers  # noqa: E402

QUICK = ("--settle", 50, "--timeout", 20, "--json")


class Sets:
    """Accounts and rosters, each made and imported when first asked for."""

    def __init__(self, server):
        self.server, self.made = server, {}

    def make(self, name, *arguments):
        name = f"{name}{len(self.made)}x"
        folder = self.server.path(name)
        subprocess.run([os.path.join(self.server.build, "muster-bench"), "prepare", "--prefix", name, "--domain", servers.DOMAIN,
                        "--out", folder, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
        return [os.path.join(folder, "accounts.tsv"), os.path.join(folder, "rosters.tsv")]

    def take(self, name, *parts):
        """`parts`: prefix and options of `prepare`; several become one set."""
        if name not in self.made:
            folder = self.server.path(f"set-{name}")
            os.makedirs(folder)
            files = [self.make(*part) for part in parts]
            for i, target in enumerate(("accounts.tsv", "rosters.tsv")):
                with open(os.path.join(folder, target), "w") as out:
                    for pair in files:
                        with open(pair[i]) as part:
                            out.write(part.read())
            self.server.musterctl("user", "import", os.path.join(folder, "accounts.tsv"))
            self.server.musterctl("roster", "import", os.path.join(folder, "rosters.tsv"))
            self.made[name] = folder
        return ["--accounts", os.path.join(self.made[name], "accounts.tsv"), "--rosters", os.path.join(self.made[name], "rosters.tsv")]


STAR = ("star", "--shape", "star", "--users", 21)
PAIRS = ("pair", "--users", 10, "--contacts", 2)
ALL = ("all", "--users", 9, "--contacts", 8)
HALVES = ("half", "--shape", "halves", "--users", 20, "--contacts", 4)
CREW = ("crew", "--users", 4, "--contacts", 2)

# scenario, its accounts, its options, and what its report must say besides
SCENARIOS = (
    ("fanout", (STAR,), ("--rounds", 5, "--warm-up", 1), {"watchers": 20, "deliveries_arrived": 20 + 21 + 6 * 21}),
    ("celebrity", (STAR, PAIRS), ("--seconds", 1, "--repeats", 1), {"others": 10, "watchers": 20, "celebrity_violations": 0}),
    ("storm", (ALL,), ("--rounds", 3, "--warm-up", 1), {"changes": 27, "deliveries_arrived": 81 * 5}),
    ("storm", (ALL,), ("--rounds", 3, "--warm-up", 1, "--rate", 200), {"rate_per_s": 200, "deliveries_arrived": 81 * 5}),
    # 5, 4 and 5 of 9 go, which those who stay see; they come back and see all 9, and those who stay see them.
    ("churn", (ALL,), ("--rounds", 3, "--share", 50), {"moves": 14, "deliveries_arrived": 81 + 2 * (5 * 4 + 5 * 9 + 4 * 5) + 4 * 5 * 2 + 4 * 9}),
    ("churn", (ALL,), ("--rounds", 1, "--share", 50, "--leave", "cut"), {"deliveries_arrived": 81 + 5 * 4 + 5 * 9 + 4 * 5}),
    ("roster-login", (STAR, ALL), ("--seconds", 1, "--repeats", 1), {"roster_items": 8, "watchers": 20, "login_violations": 0}),
    ("slow-reader", (ALL,), ("--seconds", 1, "--repeats", 1, "--rate", 50), {"slow_readers": 1}),
    ("group", (ALL,), ("--rounds", 9,), {"deliveries_arrived": 81 * 2}),
    ("interdomain", (HALVES,), ("--seconds", 1, "--model", "basic", "--stanza-bytes", 200), {"model": "basic"}),
    ("login-storm", (STAR,), ("--rounds", 5, "--repeats", 1, "--logins", 8), {"storms": 1}),
)
ALONE = (
    ("floor", ("--watchers", 20, "--rounds", 5, "--settle", 20), {"watchers": 20, "violations": 0}),
    ("floor", ("--watchers", 20, "--rounds", 5, "--settle", 20, "--mode", "plain", "--coalesce", 4), {"changes": 20}),
    ("memory", (), {}),
)


def judge(name, outcome, wanted):
    code, report, errors = outcome
    if report is None:
        return f"exit {code}: {errors}"
    wrong = {key: report.get(key) for key, value in wanted.items() if report.get(key) != value}
    if code != 0 or report["result"] != "ok":
        return f"exit {code}, {report['result']}: {errors} {report.get('violation_list')}"
    return f"{wrong} instead of {wanted}" if wrong else None


def run(server, sets, name, parts, options, wanted):
    files = sets.take("-".join(part[0] for part in parts), *parts)
    if name == "group":
        files = files[:2]
    if name == "login-storm":
        options += ("--storm-accounts", sets.take("crew", CREW)[1])
    return judge(name, mutual.bench(server, name, *files, "--ca", server.ca, "--port", server.starttls_port, "--tls-suite",
                                    "TLS_AES_128_GCM_SHA256", "--server-pid", server.process.pid, *options, *QUICK), wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build folder with musterd, musterctl and muster-bench")
    parser.add_argument("--only", default="", help="only scenarios whose name contains this")
    options = parser.parse_args()
    server = servers.Musterd(os.path.abspath(options.build), 2)
    failed = 0

    def say(name, wrong):
        nonlocal failed
        failed += wrong is not None
        print(f"not ok muster-bench {name}: {wrong}" if wrong else f"ok muster-bench {name}", flush=True)

    try:
        server.start()
        sets = Sets(server)
        for name, *rest in SCENARIOS:
            if options.only in name:
                say(" ".join((name, *map(str, rest[1]))), run(server, sets, name, *rest))
        for name, arguments, wanted in ALONE:
            if options.only in name:
                say(" ".join((name, *map(str, arguments))), judge(name, mutual.bench(server, name, *arguments, "--json"), wanted))
    finally:
        server.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
