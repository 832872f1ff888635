#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures musterd, the floor, Prosody and ejabberd with one generator, on loopback, in turn, and writes docs/benchmarks.md.

run.py --build BUILD [--quick|--full] [--only fanout,storm] [--servers floor,musterd] [--repeats 5]

All servers of a case run at the same time with the same accounts; each repetition plays the case against one after the
other, and each begins with another. Prints medians as they come. Exit 0 when every run was clean, 1 when one was not.
Raw results go to --results after each repetition; --add puts the cases into what is there already, in the place of cases of the same
name, and --from-results writes the report again.

On a machine that others use, too: --lock FILE [FILE...] locks the last file (flock(2)) while it measures, and shares it while
it prepares, so whoever shares the same lock for other work is out of the way. The lock is given back between runs every few minutes. Each file
before the last is held only until the next is had: with one such turnstile, taken by all, a measurement does not wait forever.
"""
import argparse
import collections
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import accounts
import cases
import generator
import machine
import peers
import report

WARM_UP = ("--settle", "0", "--no-presence")  # of `idle`, which then only logs in


class Skipped(Exception):
    pass


class Floor:
    """Stands where a server would; each run has a process of its own."""
    name = "floor"

    def __init__(self, build):
        self.build = build

    def version(self):
        return ""

    def notes(self):
        return "one thread, one io_uring; TLS 1.3 records by bare EVP calls with a keyed context each"

    def remove(self):
        pass


def server_open(name, build, case, files):
    if name == "floor":
        return Floor(build)
    kind = peers.PEERS[name.removesuffix("-auto")]
    missing = kind.missing(build)
    if missing:
        raise Skipped(missing)
    server = kind(build, "auto" if name.endswith("-auto") else 1)
    if case.scenario == "slow-reader":
        server.extra = ""  # as it is by default: to hold changes for who does not read is the point
    try:
        server.open(*files.served)
        if case.is_group:
            server.group(files.served[0])
    except (RuntimeError, NotImplementedError) as error:
        server.remove()
        raise Skipped(str(error).strip().splitlines()[0]) from error
    except BaseException:
        server.remove()
        raise
    return server


def common_arguments(server, case, files, folder):
    arguments = ["--accounts", files.played[0], "--ca", server.ca, "--port", server.starttls_port, "--tls-suite", cases.TLS_SUITE,
                 "--server-pid", server.process.pid, "--resource", "bench", "--timeout", cases.TIMEOUT_S,
                 "--keys", os.path.join(folder, f"keys-{server.name}-{server.workers}")]
    return arguments


def play(server, case, files, folder):
    if server.name == "floor":
        return generator.bench(server.build, "floor", *case.floor)
    generator.bind_server(server)
    arguments = common_arguments(server, case, files, folder)
    if not case.is_group and case.scenario not in ("idle", "login"):
        arguments += ["--rosters", files.played[1]]
    if files.storm:
        arguments += ["--storm-accounts", files.storm]
    return generator.bench(server.build, case.scenario, *arguments, *case.options)


def warm_up(server, case, files, folder):
    """All log in once: the generator derives its keys, Prosody hashes the passwords."""
    if server.name != "floor":
        generator.bench(server.build, "idle", *common_arguments(server, case, files, folder), *WARM_UP)


def is_clean(result):
    return result is not None and result.get("result") == "ok"


class Stand:
    """The servers of a case, running, with its accounts; cases that need the same follow each other on one stand."""

    def __init__(self, case, names, options):
        self.key = self.key_of(case, names)
        self.folder = tempfile.mkdtemp(prefix="muster-bench-")
        self.servers, self.skipped = {}, {}
        try:
            self.files = accounts.Files(os.path.join(options.build, "muster-bench"), case, self.folder)
            for name in names:
                self.open(name, case, options.build)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def key_of(case, names):
        return case.sets, case.extra, case.is_group, case.scenario == "slow-reader", names

    def open(self, name, case, build):
        try:
            self.servers[name] = server_open(name, build, case, self.files)
            warm_up(self.servers[name], case, self.files, self.folder)
        except Skipped as reason:
            self.skipped[name] = str(reason)
            print(f"  {name}: skipped: {reason}", flush=True)

    def close(self):
        for server in self.servers.values():
            server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def repetition_run(case, stand, names, results, lock):
    for name in names:
        server = stand.servers[name]
        lock.alone()
        if case.is_fresh and name != "floor":
            server.restart()
        result = play(server, case, stand.files, stand.folder)
        results[name].append(result)
        shown = report.figures_text(case, result) if is_clean(result) else f"FAILED {(result or {}).get('violation_list', '')}"
        print(f"  {len(results[name])} {name}: {shown}", flush=True)


def case_run(case, stand, repeats, lock):
    """Yields what the report needs to know of a case, anew after each repetition: above all the report of each, by server."""
    results = collections.defaultdict(list)
    order = collections.deque(stand.servers)
    for repetition in range(repeats):
        names = [name for name in order if repetition < case.repeats_of(name, repeats)]
        repetition_run(case, stand, names, results, lock)
        order.rotate(-1)
        if names:
            yield case_gathered(case, stand, results)


def case_gathered(case, stand, results):
    return {"title": case.title, "figures": case.figures, "labels": case.labels, "options": case.options,
            "results": {name: results[name] for name in stand.servers}, "skipped": stand.skipped,
            "servers": {name: [server.version(), server.notes()] for name, server in stand.servers.items()}}


def choose(options):
    wanted = options.only.split(",") if options.only else []
    allowed = options.servers.split(",") if options.servers else []
    for case in cases.cases(options.extent):
        if wanted and not any(case.name.startswith(prefix) for prefix in wanted):
            continue
        names = [name for name in (cases.ALL[:1] if case.floor else ()) + tuple(n for n in case.servers if n != "floor")
                 if not allowed or name in allowed]
        if names:
            yield case, names


def save(gathered, path):
    with open(path + ".new", "w") as out:
        json.dump(gathered, out)
    os.replace(path + ".new", path)


def command_of(options):
    """What of the command line says what was measured, not where."""
    parts = ["" if options.extent == cases.USUAL else f"--{options.extent}", options.only and f'--only "{options.only}"',
             options.servers and f"--servers {options.servers}", f"--repeats {options.repeats}"]
    return " ".join(filter(None, parts))


def gathered_begin(options):
    """What there is to add to: all cases of it say themselves when they were measured, for that may differ."""
    if options.add and os.path.exists(options.results):
        with open(options.results) as file:
            return json.load(file)
    return {"machine": machine.described(), "command": command_of(options), "extent": options.extent, "repeats": options.repeats,
            "cases": {}, "seconds": 0}


def case_measure(case, stand, options, commit, lock):
    lock.alone()
    memory = generator.bench(options.build, "memory")
    measured = f"measured {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, muster {commit}"
    for result in case_run(case, stand, options.repeats, lock):
        yield dict(result, memory=memory, measured=measured)


def measure(options):
    gathered = gathered_begin(options)
    clean, stand, lock, commit = True, None, machine.Lock(options.lock), dict(machine.described())["muster"]
    began = time.monotonic() - gathered["seconds"]
    try:
        for case, names in choose(options):
            print(f"{case.name}: {case.title} ({time.monotonic() - began:.0f} s)", flush=True)
            if stand is None or stand.key != Stand.key_of(case, names):
                with lock.shared():
                    if stand is not None:
                        stand.close()
                    stand = Stand(case, names, options)
            for result in case_measure(case, stand, options, commit, lock):
                gathered["cases"][case.name] = result
                gathered["seconds"] = round(time.monotonic() - began)
                save(gathered, options.results)
            clean = clean and all(is_clean(r) for reports in gathered["cases"].get(case.name, {}).get("results", {}).values() for r in reports)
    finally:
        if stand is not None:
            stand.close()
        lock.give()
    return gathered, clean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="folder with musterd, musterctl and muster-bench")
    parser.add_argument("--only", default="", help="cases whose name begins so, separated by commas (--list shows them)")
    parser.add_argument("--servers", default="", help="of floor, musterd (1 worker), musterd-auto, prosody, ejabberd")
    parser.add_argument("--repeats", type=int, default=0, help="times each (default 5, with --quick 2)")
    parser.add_argument("--quick", dest="extent", action="store_const", const=cases.QUICK, default=cases.USUAL,
                        help="everything in small: to see that it works, not how fast it is")
    parser.add_argument("--full", dest="extent", action="store_const", const=cases.FULL, help="more sizes and models: hours")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("--results", default="benchmarks.json", help="raw results")
    parser.add_argument("--add", action="store_true", help="to what --results has already; cases measured again are replaced")
    parser.add_argument("--lock", nargs="+", default=[], metavar="FILE", help="hold it while measuring, share it while preparing (above)")
    parser.add_argument("--from-results", action="store_true", help="measure nothing, write the report of --results")
    parser.add_argument("--out", default="", help="write the report into this file's generated part, and plots beside it")
    options = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGINT):  # also in the background: the servers must not stay behind
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    options.build = os.path.abspath(options.build)
    options.repeats = options.repeats or (2 if options.extent == cases.QUICK else 5)
    if options.list:
        for case, names in choose(options):
            print(f"{case.name:24} {case.title}: {', '.join(names)}")
        return 0
    if options.from_results:
        with open(options.results) as file:
            gathered, clean = json.load(file), True
    else:
        gathered, clean = measure(options)
    print("\n" + report.goals_text(gathered))
    if options.out:
        report.write(options.out, gathered)
        print(f"written: {options.out}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
