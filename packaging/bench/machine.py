# SPDX-License-Identifier: Apache-2.0
"""The machine: what it is, and having it alone."""
import contextlib
import fcntl
import os
import platform
import subprocess
import time


# Others' turn at the lock: a run may take a minute itself.
LOCK_SECONDS_MAX = 240


class Lock:
    """The machine, with others or alone; without files, nothing."""

    def __init__(self, paths):
        self.paths, self.held, self.since = paths, None, 0.0

    def take(self, how):
        for path in self.paths:
            file = open(path, "a")
            fcntl.flock(file, how if path == self.paths[-1] else fcntl.LOCK_EX)
            self.give()
            self.held = file
        self.since = time.monotonic()

    def give(self):
        if self.held is not None:
            self.held.close()
        self.held = None

    @contextlib.contextmanager
    def shared(self):
        self.give()
        self.take(fcntl.LOCK_SH)
        yield
        self.give()

    def alone(self):
        """Keep it or take it, or take it anew after a while."""
        if self.held is None or time.monotonic() - self.since > LOCK_SECONDS_MAX:
            self.give()
            self.take(fcntl.LOCK_EX)


def first_line(path, key):
    with open(path) as file:
        for line in file:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "?"


def described():
    """(what, value) rows."""
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 1048576
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return [("processors", f"{os.cpu_count()} x {first_line('/proc/cpuinfo', 'model name')}"), ("memory", f"{memory:.0f} GiB"),
            ("system", f"{release.get('PRETTY_NAME', '?').strip(chr(34))}, kernel {platform.release()}"), ("muster", commit or "?")]
