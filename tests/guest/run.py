#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the tests under Debian's own kernels: run.py [--build DIR] [--kernels "6.12 7.3"] [COMMAND...].

Each kernel is booted in qemu above this machine's files (nothing of the machine is changed) and runs COMMAND, by default
tests/guest/suites.sh; all kernels at the same time. Prints the output with the kernel's name before each line, then one table, then `N passed, N failed,
N skipped`; exit 0 when nothing failed. A kernel that cannot be had is a skip with the reason.
Variables named MUSTER_*, E2E_*, GUEST_*, ASAN_* and UBSAN_* are passed on. GUEST_KERNELS is the default of --kernels.
"""
import argparse
import os
import re
import shlex
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest  # noqa: E402
import kernels  # noqa: E402

PROJECT = os.path.dirname(os.path.dirname(guest.HERE))
PASSED_ON = ("MUSTER_", "E2E_", "GUEST_", "ASAN_", "UBSAN_")
TOTALS = re.compile(r"^(?:# )?(\d+) passed, (\d+) failed, (\d+) skipped\b")
KERNEL_LOG_LINES = 30  # of its log, shown when the guest crashed


class Row:
    """One line of the table."""

    def __init__(self, name):
        self.name = name
        self.suite = "-"
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0
        self.word = ""

    def cells(self):
        return (self.name, self.suite, str(self.passed), str(self.failed), str(self.skipped), f"{self.seconds:.0f}", self.word)


def last_lines(path, count):
    try:
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read().splitlines()[-count:]
    except FileNotFoundError:
        return []


def run_kernel(name, kernel, options, row, switch):
    cache = os.path.join(options.build, "guest")
    log_path = os.path.join(cache, f"{name}.log")
    kernel_log = os.path.join(cache, f"{name}.kernel.log")
    environment = {key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)}
    environment.update(GUEST_BUILD=options.build, GUEST_KERNEL=name)
    print(f"==== {kernel.release} ({kernel.suite})\n", end="")
    with open(log_path, "w", encoding="utf-8") as log:
        def say(line):
            log.write(line + "\n")
            print(f"{name}| {line}\n", end="")  # in one write: the other kernel speaks as well
            match = TOTALS.match(line)
            if match:
                passed, failed, skipped = map(int, match.groups())
                row.passed, row.failed, row.skipped = row.passed + passed, row.failed + failed, row.skipped + skipped
        outcome = guest.run(kernel, options.command, folder=PROJECT, environment=environment, limit_s=options.seconds,
                            memory_mb=options.memory, kernel_log=kernel_log, say=say, keep=(PROJECT, options.build), switch=switch)
    if outcome.problem:
        row.failed += 1
        row.word = outcome.problem
        print("\n".join(f"{name} kernel| {line}" for line in last_lines(kernel_log, KERNEL_LOG_LINES)))
    elif outcome.status != 0:
        row.failed = max(row.failed, 1)
        row.word = f"exit status {outcome.status}"
    elif row.passed + row.failed + row.skipped == 0:
        row.passed = 1  # a command without counts: its exit status is the test


def skip(row, missing):
    row.skipped, row.word = 1, f"skipped: {missing}"
    print(f"skip {row.name}: {missing}\n", end="")


def start_kernel(name, options, row, switch):
    """A thread that runs the command under this kernel, or None when it cannot be had."""
    started = time.monotonic()

    def run():
        try:
            run_kernel(name, kernel, options, row, switch)
        except guest.Missing as missing:
            skip(row, missing)
        except Exception as failure:  # noqa: BLE001: the other kernel still runs
            row.failed += 1
            row.word = f"{type(failure).__name__}: {failure}"
        row.seconds = time.monotonic() - started

    try:
        cache = os.path.join(options.build, "guest")
        os.makedirs(cache, exist_ok=True)
        guest.check_host()
        kernel = kernels.get(name, cache)  # not in the thread: they share a folder for apt
    except (kernels.Missing, guest.Missing) as missing:
        return skip(row, missing)
    row.name, row.suite = kernel.release, kernel.suite
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def install_node_client(build):
    """From here, because the guest has no network."""
    sys.path.insert(0, os.path.join(PROJECT, "tests", "e2e"))
    import clients  # noqa: PLC0415: a COMMAND of one's own needs no end-to-end suite
    try:
        clients.install_xmppjs(build)
    except clients.Missing as missing:
        print(f"@xmpp/client is not there, its tests will be skipped: {missing}")


def print_table(rows):
    table = [("kernel", "suite", "passed", "failed", "skipped", "seconds", ""), *(row.cells() for row in rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(table[0]))]
    print()
    for cells in table:
        print("  ".join(cell.ljust(width) if i in (0, 1, 6) else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(cells, widths))).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--kernels", default=os.environ.get("GUEST_KERNELS") or "6.12 7.3", help="of " + ", ".join(kernels.SUITES))
    parser.add_argument("--seconds", type=int, default=2700, help="time limit of the command under one kernel")
    parser.add_argument("--memory", type=int, default=3072, help="of the guest, in MiB")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    words = options.command[1:] if options.command[:1] == ["--"] else options.command
    # One word is shell text, several are a program and its arguments.
    options.command = words[0] if len(words) == 1 else shlex.join(words or ["tests/guest/suites.sh"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no guest outlives us
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)

    if not words:
        install_node_client(options.build)
    rows, threads, switch = [], [], guest.Switch()
    try:
        for name in options.kernels.replace(",", " ").split():
            rows.append(Row(name))
            threads.append(start_kernel(name, options, rows[-1], switch))
        for thread in filter(None, threads):
            thread.join()
    except BaseException:
        switch.off()
        raise
    print_table(rows)
    failed = sum(row.failed for row in rows)
    print(f"\n{sum(row.passed for row in rows)} passed, {failed} failed, {sum(row.skipped for row in rows)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
