# SPDX-License-Identifier: Apache-2.0
"""What the figures were taken on."""
import os
import platform
import subprocess


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
