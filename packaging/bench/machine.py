# SPDX-License-Identifier: Apache-2.0
"""The machine: what it is, and having it alone."""
import contextlib
import fcntl
import os
import platform
import resource
import subprocess
import time


# Others' turn at the lock: a run may take a minute itself.
LOCK_SECONDS_MAX = 240


class Lock:
    """The machine, with others or alone; without files, nothing."""

    def __init__(self, paths):
        self.paths, self.held, self.since = paths, None, 0.0
        self.waited_s = 0.0  # for others, in all

    def take(self, how):
        began = time.monotonic()
        for path in self.paths:
            file = open(path, "a")
            fcntl.flock(file, how if path == self.paths[-1] else fcntl.LOCK_EX)
            self.give()
            self.held = file
        self.since = time.monotonic()
        self.waited_s += self.since - began

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


class Share:
    """Of the processors since it was made: what others had of them, and what the host of a virtual machine kept. Our own part counts when
    the processes that we started have ended."""

    def __init__(self):
        self.began, self.before = time.monotonic(), self.read()

    @staticmethod
    def read():
        """Seconds of all processors: busy, stolen, our own and our ended children's."""
        user, nice, system, _, _, irq, softirq, stolen = (int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in first_line("/proc/stat", "cpu ", " ").split()[:8])
        own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return user + nice + system + irq + softirq, stolen, own

    def taken(self):
        """(by others, by the host), of 1."""
        all_s = (time.monotonic() - self.began) * os.cpu_count()
        busy, stolen, own = (now - then for now, then in zip(self.read(), self.before))
        return max(0.0, busy - own) / all_s, stolen / all_s


def first_line(path, key, separator=":"):
    with open(path) as file:
        for line in file:
            if line.startswith(key):
                return line.split(separator, 1)[1].strip()
    return "?"


def described():
    """(what, value) rows."""
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 1048576
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return [("processors", f"{os.cpu_count()} x {first_line('/proc/cpuinfo', 'model name')}"), ("memory", f"{memory:.0f} GiB"),
            ("system", f"{release.get('PRETTY_NAME', '?').strip(chr(34))}, kernel {platform.release()}"), ("muster", commit or "?")]
