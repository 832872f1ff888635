# SPDX-License-Identifier: Apache-2.0
"""muster-bench as a program to run: on a processor of its own, and its report read."""
import json
import os
import subprocess
import sys

# The generator has the last processor to itself; a server of one thread has the others. Left to the scheduler, both may
# share one for a while, and a time to the last watcher doubles by chance.
PROCESSORS = sorted(os.sched_getaffinity(0))


def bind_generator():
    if len(PROCESSORS) > 1:
        os.sched_setaffinity(0, PROCESSORS[-1:])


def bind_server(server):
    """All threads of it; those that use all processors by nature keep them."""
    if len(PROCESSORS) < 2 or server.name == "ejabberd" or server.workers == "auto":
        return
    for thread in os.listdir(f"/proc/{server.process.pid}/task"):
        try:
            os.sched_setaffinity(int(thread), PROCESSORS[:-1])
        except ProcessLookupError:
            pass  # it has ended


def bench(build, *arguments):
    """The report of one run of muster-bench, as a dictionary; None when there is none."""
    done = subprocess.run([os.path.join(build, "muster-bench"), *map(str, arguments), "--json"], stdout=subprocess.PIPE,
                          stderr=None if sys.stderr.isatty() else subprocess.PIPE, text=True, preexec_fn=bind_generator)
    if not done.stdout.startswith("{"):
        print(f"  muster-bench {arguments[0]}: exit {done.returncode}: {(done.stderr or '').strip()}", flush=True)
        return None
    return json.loads(done.stdout)
