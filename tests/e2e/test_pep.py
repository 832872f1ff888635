# SPDX-License-Identifier: Apache-2.0
"""Personal eventing: two slixmpp clients with their own plugins for it (pep_slixmpp.py)."""
import os
import subprocess

from clients import Failure, Missing

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pep_slixmpp.py")


def two_people(bench):
    if subprocess.run(["/usr/bin/python3", "-c", "import slixmpp"], capture_output=True, check=False).returncode:
        raise Missing("slixmpp is not installed")
    alice, bob = bench.account("alice"), bench.account("bob")
    run = subprocess.run(["/usr/bin/python3", SCRIPT, str(bench.server.starttls_port), bench.server.ca, *alice, *bob],
                         capture_output=True, text=True, timeout=100, check=False)
    if run.returncode or not run.stdout.endswith("done\n"):
        raise Failure(f"exit code {run.returncode}; seen:\n{run.stdout}{run.stderr[-3000:]}")


def tests(server):
    if server.is_musterd:
        yield "pep: avatar, device list and bookmarks between slixmpp clients", two_people
