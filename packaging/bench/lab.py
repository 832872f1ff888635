#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The laboratory of offloads: the same loads with each setting of packaging/bench/columns/, here and under a newer kernel in an
emulator; writes docs/offload.md. It is started as `muster-bench lab`.

All settings' servers run at the same time, and `muster-bench loads` plays against one after the other, round after round, each round
beginning with another; each delivery is checked. One more round comes first and counts what costs time to count: system calls and
instructions. In the emulator times mean nothing, so every round counts there; and once more it plays with a processor whose clock is the
number of its instructions. Exit 0 when every run was clean, 1 when one was not.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

for name in [name for name in os.environ if name.startswith("MUSTER_OFFLOAD_")]:
    del os.environ[name]  # they would outdo what the columns say

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(PROJECT, "tests", "guest")]
import generator  # noqa: E402
import guest  # noqa: E402
import kernels  # noqa: E402
import lab_columns  # noqa: E402
import lab_report  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402

REPORT = os.path.join(PROJECT, "docs", "offload.md")
EVENT = "@lab "  # begins each line by which the guest's half tells the other what happened
TRACING = "/sys/kernel/tracing"
TIMEOUT_S = 60
GUEST_MEMORY_MB = 2048
TAIL = 400  # octets of a server's log that are looked at for why it did not start


class Left(Exception):
    """This column cannot be played here; the text says why."""


class Size:
    """How much is played at one place. A round of a load is a change to all watchers, a blank from each session, ten messages, or one of
    each kind (tools/bench/scenario_loads.c)."""

    def __init__(self, watchers, rounds, rate, repeats, limit_s):
        self.watchers, self.rounds, self.rate, self.repeats, self.limit_s = watchers, rounds, rate, repeats, limit_s


# Emulated, everything takes some thirty times as long. The rate is that of white space: so rare that each blank comes alone.
HERE_SIZES = {True: Size(20, 20, 2000, 1, 0), False: Size(50, 100, 3000, 11, 0)}
GUEST_SIZES = {True: Size(10, 5, 80, 1, 300), False: Size(12, 10, 80, 3, 900)}
# Slower still, and hardly any two runs differ.
INSTRUCTION_SIZES = {True: Size(10, 4, 80, 1, 300), False: Size(12, 6, 80, 3, 900)}


# --- one column ---

class Server(peers.Musterd):
    """A musterd as a column wants it."""

    def __init__(self, build, column):
        super().__init__(build, column.workers)
        self.extra += lab_columns.COMMON_CONFIG + column.config + "\n"

    def why_not(self, error):
        """The last word of the log, or of the error."""
        lines = (self.log_text()[-TAIL:].strip() or str(error).strip()).splitlines()
        return lines[-1] if lines else "no word"


def offloads_on(server):
    """{name: "" or why it is off}"""
    rows = [line.split("\t") for line in server.musterctl("offload").stdout.splitlines()]
    return {row[0]: "" if row[1] == "on" else ": ".join(row[1:]) for row in rows if len(row) > 1 and row[1] in ("on", "off")}


def command_run(server, command):
    done = server.musterctl(*command.split(), check=False)
    if done.returncode != 0:
        raise Left(f"`musterctl {command}`: {done.stderr.strip() or done.stdout.strip()}")


def offloads_switch(server, column):
    states = offloads_on(server)
    for name in column.off:
        if states.get(name) == "":
            command_run(server, f"offload {name} off")
    for name in column.on:
        if name not in states:
            raise Left(f"this build has no program {name}")
        command_run(server, f"offload {name} on")
        if offloads_on(server)[name]:
            raise Left(f"{name}: {offloads_on(server)[name]}")


def server_open(build, column, files):
    server = Server(build, column)
    try:
        try:
            server.open(*files)
        except RuntimeError as error:
            raise Left(server.why_not(error)) from error
        for command in column.commands:
            command_run(server, command)
        offloads_switch(server, column)
    except BaseException:
        server.remove()
        raise
    return server


def port_of(server, column):
    return {"--plain": server.plain_port, "--direct-tls": server.direct_port, "--starttls": server.starttls_port}[column.client]


def play(server, column, files, size, options, counts):
    """The report of one run, or None."""
    generator.bind_server(server)
    arguments = ["--accounts", files[0], "--rosters", files[1], "--ca", server.ca, column.client, "--port", port_of(server, column),
                 "--server-pid", server.process.pid, "--admin", server.path("admin.sock"), "--keys", server.path("keys"),
                 "--resource", "lab", "--timeout", TIMEOUT_S, "--settle", 100, "--interval", 2, "--rounds", size.rounds, "--rate", size.rate]
    if options.loads:
        arguments += ["--loads", options.loads]
    if column.client != "--plain":
        arguments += ["--tls-suite", "TLS_AES_128_GCM_SHA256"]
    return generator.bench(options.build, "loads", *arguments, *(["--count-calls"] if counts else []))


def proof_of(server, column, report):
    """What does not show that the setting was in force; empty when all does."""
    asked = [stat for load, stat in column.proves.items() if load == "login" or f"{load}_deliveries" in report]
    return ", ".join(f"{stat} is 0" for stat in asked if server.stat(stat) == 0)


# --- one place ---

def prepare(build, watchers, folder):
    subprocess.run([os.path.join(build, "muster-bench"), "prepare", "--shape", "star", "--users", str(watchers + 1), "--domain", "localhost",
                    "--out", folder], check=True, stdout=subprocess.DEVNULL)
    return [os.path.join(folder, name) for name in ("accounts.tsv", "rosters.tsv")]


def instructions_add(found):
    """Where the processor's clock is the number of instructions, one a nanosecond, CPU time is that."""
    for load in lab_report.LOADS:
        if f"{load}_cpu_ns" in found:
            found[f"{load}_instructions"] = found[f"{load}_cpu_ns"]


def round_play(servers, number, files, size, options, emit):
    counts = number == 0 or options.inside == lab_report.COUNTS
    order = list(servers)
    order = order[number % len(order):] + order[:number % len(order)]
    for column in order:
        report = play(servers[column], column, files, size, options, counts)
        if report and options.inside == lab_report.INSTRUCTIONS:
            instructions_add(report)
        wrong = proof_of(servers[column], column, report) if report else "no report"
        if report and report.get("result") != "ok":
            wrong = report.get("first_wrong") or report.get("failed_load") or "a delivery was wrong"
        emit({"event": "run", "column": column.name, "round": number, "counts": counts, "wrong": wrong, "report": report})


def place_measure(options, size, columns, emit):
    """All rounds at this place, told by emit(event)."""
    share = machine.Share()
    emit({"event": "place", "machine": machine.described(), "watchers": size.watchers, "rounds": size.rounds, "rate": size.rate, "repeats": size.repeats})
    servers = {}
    with tempfile.TemporaryDirectory(prefix="muster-lab-") as folder:
        files = prepare(options.build, size.watchers, os.path.join(folder, "set"))
        try:
            for column in columns:
                try:
                    servers[column] = server_open(options.build, column, files)
                except Left as why:
                    emit({"event": "left", "column": column.name, "why": str(why)})
            first = 0 if not options.inside else 1  # no round of its own for counting
            for number in range(first, size.repeats + 1):
                if servers:
                    round_play(servers, number, files, size, options, emit)
        finally:
            for server in servers.values():
                server.remove()
    others, stolen = share.taken()
    emit({"event": "end", "others": others, "stolen": stolen})


# --- both places ---

def shown(place, event):
    """A line for who watches."""
    if event["event"] == "left":
        return f"{place.name}: {event['column']} is left out: {event['why']}"
    if event["event"] != "run":
        return None
    first = event["wrong"] or lab_report.run_text(event["report"], place.kind)
    return f"{place.name}: {event['column']}, round {event['round']}: {first}"


def taker(place):
    """An emit for place_measure: into the place, and a line for who watches."""
    def emit(event):
        place.take(event)
        line = shown(place, event)
        if line:
            print(line, flush=True)
    return emit


def inside_run(options, columns):
    """In a guest: tells what happens on standard output."""
    sizes = INSTRUCTION_SIZES if options.inside == lab_report.INSTRUCTIONS else GUEST_SIZES
    if not os.path.exists(os.path.join(TRACING, "events")):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=False, stderr=subprocess.DEVNULL)
    place_measure(options, sizes[options.quick], columns, lambda event: print(EVENT + json.dumps(event), flush=True))
    return 0


def guest_command(options, kind):
    words = [os.path.join(options.build, "muster-bench"), "lab", "--inside", kind, *(["--quick"] if options.quick else [])]
    for name in ("loads", "columns"):
        if getattr(options, name):
            words += ["--" + name, getattr(options, name)]
    return " ".join(words)


def guest_run(place, kernel_name, options):
    """Plays this place under this kernel."""
    take = taker(place)

    def say(line):
        if line.startswith(EVENT):
            take(json.loads(line[len(EVENT):]))
        elif line.strip():
            print(f"{place.name}| {line}", flush=True)
    sizes, processors = (INSTRUCTION_SIZES, guest.COUNTING) if place.kind == lab_report.INSTRUCTIONS else (GUEST_SIZES, guest.USUAL)
    try:
        cache = os.path.join(options.build, "guest")
        os.makedirs(cache, exist_ok=True)
        guest.check_host()
        kernel = kernels.get(kernel_name, cache)
        outcome = guest.run(kernel, guest_command(options, place.kind), folder=PROJECT, environment={}, limit_s=sizes[options.quick].limit_s,
                            memory_mb=GUEST_MEMORY_MB, kernel_log=os.path.join(cache, f"lab-{kernel_name}.kernel.log"), say=say,
                            keep=(PROJECT, options.build), processors=processors)
        place.problem = outcome.problem or (f"exit status {outcome.status}" if outcome.status else "")
    except (kernels.Missing, guest.Missing) as missing:
        place.missing = str(missing)
    if place.problem or place.missing:
        print(f"{place.name}: {place.problem or place.missing}", flush=True)


def measure(options, columns):
    places, began, lock = [], time.monotonic(), machine.Lock(options.lock)
    if options.here:
        places.append(lab_report.Place("this machine", lab_report.TIMES))
        lock.alone()
        place_measure(options, HERE_SIZES[options.quick], columns, taker(places[0]))
    with lock.shared():
        for name in options.kernels.replace(",", " ").split() if options.guest else ():
            places.append(lab_report.Place(f"guest {name}", lab_report.COUNTS))
            guest_run(places[-1], name, options)
            if options.instructions:
                places.append(lab_report.Place(f"guest {name}, instructions", lab_report.INSTRUCTIONS))
                guest_run(places[-1], name, options)
    return {"places": [place.dictionary() for place in places], "seconds": round(time.monotonic() - began - lock.waited_s), "quick": options.quick,
            "command": options.command, "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "loads": options.loads}


def options_read():
    parser = argparse.ArgumentParser(prog="muster-bench lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="folder with musterd, musterctl and muster-bench (default: where muster-bench is)")
    parser.add_argument("--quick", action="store_true", help="some deliveries, once, to see that it works: less than a minute; writes BUILD/offload.md")
    parser.add_argument("--columns", default="", help="names of columns, with commas between (default: all); what they are compared with comes along")
    parser.add_argument("--loads", default="", help="of fanout, space, ping, mixed, with commas between (default: all)")
    parser.add_argument("--no-here", dest="here", action="store_false", help="not on this machine")
    parser.add_argument("--guest", action=argparse.BooleanOptionalAction, help="in the emulator, too (default: unless --quick)")
    parser.add_argument("--no-instructions", dest="instructions", action="store_false", help="not in the emulator once more, counting instructions")
    parser.add_argument("--kernels", default="7.3", help="of the emulator: " + ", ".join(kernels.SUITES))
    parser.add_argument("--list", action="store_true", help="only name the columns")
    parser.add_argument("--lock", nargs="+", default=[], metavar="FILE", help="as packaging/bench/run.py: alone on this machine while times are measured, "
                        "with others else")
    parser.add_argument("--results", default="", help="raw results (default: BUILD/offload.json; with --quick offload-quick.json)")
    parser.add_argument("--add", action="store_true", help="keep the places of --results that are not played now")
    parser.add_argument("--from-results", action="store_true", help="measure nothing, write the report of --results")
    parser.add_argument("--out", default="", help="the report (default: docs/offload.md)")
    parser.add_argument("--inside", default="", help=argparse.SUPPRESS)  # what runs in the emulator, and for which kind of figures
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.guest = not options.quick if options.guest is None else options.guest
    options.results = options.results or os.path.join(options.build, "offload-quick.json" if options.quick else "offload.json")
    options.out = options.out or (os.path.join(options.build, "offload.md") if options.quick else REPORT)
    given = [word for word in ("--quick" * options.quick, options.columns and f"--columns {options.columns}",
                               options.loads and f"--loads {options.loads}", "--no-here" * (not options.here), "--no-instructions" * (options.guest and not options.instructions),
                               "--no-guest" * (not options.guest and not options.quick), "--guest" * (options.guest and options.quick)) if word]
    options.command = " ".join(["muster-bench lab", *given])
    return options


def results_read(options):
    with open(options.results, encoding="utf-8") as file:
        return json.load(file)


def main():
    options = options_read()
    for end in (signal.SIGTERM, signal.SIGINT):  # also in the background: the servers must not stay behind
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    try:
        known = lab_columns.load()
        columns = lab_columns.choose(known, options.columns)
    except lab_columns.Wrong as wrong:
        print(f"muster-bench lab: {wrong}", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{column.name:20} {column.title}: {column.says}" for column in columns))
        return 0
    if options.inside:
        return inside_run(options, columns)
    if options.from_results:
        gathered = results_read(options)
    else:
        gathered = measure(options, columns)
        if options.add and os.path.exists(options.results):
            gathered = lab_report.joined(results_read(options), gathered)
        with open(options.results, "w", encoding="utf-8") as out:
            json.dump(gathered, out)
    lab_report.write(options.out, gathered, known)
    print(f"written: {options.out}")
    return 0 if lab_report.is_clean(gathered) else 1


if __name__ == "__main__":
    sys.exit(main())
