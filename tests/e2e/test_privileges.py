# SPDX-License-Identifier: Apache-2.0
"""What the daemon is allowed to once it runs: nothing, in no thread, while the programs that it loaded before are at work."""
import os
import shutil
import time

from clients import DEADLINE_S, Missing, must
from raw import Raw
from servers import Musterd, has_capability, program_is_off
from test_bpf import Without, until
from test_readers import counter

SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
WAYS = ("direct", "starttls", "none")
# Less than one worker's ring, where the kernel counts it (Linux 6.18: 404 KiB).
LOCKED_BYTES = 65536
CAP_SETPCAP, CAP_IPC_LOCK = 8, 14


def on_a_server(test, prefix=(), settings="", workers=None):
    def run_it(bench):
        if prefix and not (has_capability(CAP_IPC_LOCK) and shutil.which(prefix[0])):
            raise Missing(f"needs CAP_IPC_LOCK and {prefix[0]}")
        server = Musterd(bench.build, workers or bench.server.workers)
        server.prefix, server.extra = prefix, settings
        own = type(bench)(server, bench.build)
        try:
            server.start()
            test(own)
            own.close()
            must(server.stop() == 0, "it did not stop cleanly")
        finally:
            own.close()
            server.remove()
    return run_it


def status_of(path):
    with open(os.path.join(path, "status")) as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def threads_of(server):
    """[(name, {field: value})]; io_uring's helpers are among them."""
    folder = f"/proc/{server.process.pid}/task"
    found = []
    for thread in os.listdir(folder):
        try:
            found.append((thread, status_of(os.path.join(folder, thread))))
        except (FileNotFoundError, ProcessLookupError):
            pass  # ended between the two looks
    return found


def must_have_none(server):
    """Each thread gives up its own, some of them when they first run: asked again until all have."""
    could_bounding = has_capability(CAP_SETPCAP)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        threads = threads_of(server)
        wrong = [(status["Name"], name, status[name]) for _, status in threads for name in SETS
                 if int(status[name], 16) and (name != "CapBnd" or could_bounding)]
        wrong += [(status["Name"], "NoNewPrivs", status["NoNewPrivs"]) for _, status in threads if status["NoNewPrivs"] != "1"]
        # main, store, control; at least a worker and a job thread
        must(len(threads) >= 4 + server.workers, f"{len(threads)} threads")
        if not wrong:
            return
        must(time.monotonic() < deadline, f"of {len(threads)} threads: {wrong}")
        time.sleep(0.02)


def given_up(bench):
    """By every thread, before and after clients have come by every way, and accounts are made and removed."""
    server = bench.server
    lines = [line for line in server.log_text().splitlines() if " privileges " in line]
    must(len(lines) == 1 and "kept=none" in lines[0], f"the log says {lines}")
    must_have_none(server)
    for way in WAYS:
        raw = bench.on_close(Raw(server, way).log_in(bench.account()))
        raw.ping()
    must_have_none(server)


def watched_client(bench, name, account):
    """Without TLS, and put under the program's eyes: that is when the answer to the first question is on its way."""
    watched = counter(bench, "verdict_watched")
    raw = bench.on_close(Raw(bench.server, "none").log_in(account, name))
    raw.ping()
    raw.ping()
    until(bench, "verdict_watched", watched + 1)
    return raw


def programs_at_work(bench):
    """New connections are steered, and watched by a program: that puts their sockets into a map, which no right is needed for. On and off."""
    server = bench.server
    log = server.log_text()
    for program in ("steer", "verdict"):
        line = next(line for line in log.splitlines() if f" {program}=" in line)
        if f"{program}=off" in line:
            program_is_off(line.partition("reason=")[2])
    must_have_none(server)
    with Without(bench, "loop"):  # which would see the white space in its place
        programs_at_work_in_turn(bench)


def programs_at_work_in_turn(bench):
    server = bench.server
    account = bench.account()
    for turn in range(3):
        steered = server.offload()[2]["steer.steered"]
        raw = watched_client(bench, f"seen{turn}", account)
        must(server.offload()[2]["steer.steered"] == steered + 1, "the connection was not steered")
        kept_back = counter(bench, "verdict_keepalives")
        raw.send(" ")
        until(bench, "verdict_keepalives", kept_back + 1)
        for program in ("steer", "verdict"):
            server.musterctl("offload", program, "off")
        watched_client(bench, f"unseen{turn}", account)
        must(server.offload()[2]["steer.steered"] == steered + 1, "turned off it steers")
        for program in ("steer", "verdict"):
            server.musterctl("offload", program, "on")
    must_have_none(server)


def off_stays_off(bench):
    """What was not loaded at the start cannot be later, and is said to be so."""
    for program in ("steer", "verdict"):
        done = bench.server.musterctl("offload", program, "on", check=False)
        must(done.returncode == 1 and "offload.bpf: off" in done.stderr, f"{program}: exit {done.returncode}, {done.stderr}")
        bench.server.musterctl("offload", program, "off")


def tests(server):
    if not server.is_musterd:
        return
    yield "privileges: no thread keeps any", on_a_server(given_up, settings="registration: {allow: true}\n")
    yield "privileges: programs at work without", on_a_server(programs_at_work, workers=4)
    yield "privileges: programs that are off stay off", on_a_server(off_stays_off, settings="offload: {bpf: off}\n")
    # The rings are made with CAP_IPC_LOCK, which is given up behind them.
    yield "privileges: little memory may be locked", on_a_server(given_up, ("prlimit", f"--memlock={LOCKED_BYTES}:{LOCKED_BYTES}"))
