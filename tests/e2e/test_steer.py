# SPDX-License-Identifier: Apache-2.0
"""New connections steered to the workers by load: on, off and on again while clients log in; without the program, and without the
right to load it."""
import os
import shutil
import signal
import socket
import threading

from clients import DEADLINE_S, Missing, must
from raw import Raw
from servers import KERNEL, Musterd, free_ports, program_is_off

WORKERS = 4
LOGINS = 40
WAITING = 48  # of 100,000 times, two choices never left more than 14 of them to one of 4 workers; a hash did 71,000 times


def steered(build, prefix=(), workers=WORKERS):
    """A server with more workers than the suite's has."""
    server = Musterd(build, workers)
    server.prefix = prefix
    return server


def on_a_server(test, *arguments, **more):
    def run_it(bench):
        server = steered(bench.build, *arguments, **more)
        own = type(bench)(server.start(), bench.build)
        try:
            test(own)
            own.close()
            code = server.stop()
            must(code in (0, None), f"exit code {code} on SIGTERM")  # None: the test has ended it
        finally:
            own.close()
            server.remove()
    return run_it


def must_steer(server):
    state, why, _, _ = server.offload()
    if state != "on":
        program_is_off(why)


def log_ins(bench, count):
    """One after the other, each with a question of its own; half of them stay."""
    account = bench.account()
    for i in range(count):
        raw = Raw(bench.server, ("direct", "starttls", "none")[i % 3]).log_in(account, f"r{i}")
        raw.ping()
        if i % 2:
            raw.close()
        else:
            bench.on_close(raw)


def under_traffic(bench):
    must_steer(bench.server)
    is_over, turns, failures = threading.Event(), [], []

    def turn():
        while not is_over.is_set():
            for state in ("off", "on"):
                done = bench.server.musterctl("offload", "steer", state, check=False)
                turns.append(state)
                if done.returncode:
                    failures.append(done.stderr)
    turner = threading.Thread(target=turn)
    turner.start()
    try:
        log_ins(bench, LOGINS)
    finally:
        is_over.set()
        turner.join()
    must(not failures and len(turns) > 2, f"{len(turns)} turns, {failures}")
    state, _, counters, _ = bench.server.offload()
    accepted = bench.server.stat("connections_accepted")
    must(state == "on" and accepted == LOGINS, f"{state}; {accepted} of {LOGINS} connections")
    must(0 < counters["steer.steered"] < LOGINS and counters["steer.fell_back"] == 0, f"turned {len(turns)} times: {counters}")
    log_ins(bench, 8)
    must(bench.server.offload()[2]["steer.steered"] == counters["steer.steered"] + 8, "turned on it does not steer")
    bench.server.musterctl("offload", "steer", "off")
    log_ins(bench, 8)
    state, why, now, _ = bench.server.offload()
    must((state, why) == ("off", "turned off by musterctl"), f"turned off: {state}, {why}")
    must(now["steer.steered"] == counters["steer.steered"] + 8, "turned off it steers")


def by_load(bench):
    """Connections that do not log in: each makes its worker the less likely choice."""
    must_steer(bench.server)
    for _ in range(3):
        before = bench.server.offload()[3]
        waiting = [bench.on_close(Raw(bench.server, "none")).open() for _ in range(WAITING)]
        got = [now - then for now, then in zip(bench.server.offload()[3], before)]
        must(sum(got) == WAITING and max(got) <= 14, f"{WAITING} connections went {got}")
        for raw in waiting:
            raw.close()
        while bench.server.stat("connections"):
            pass


def other_servers(bench):
    """Their listener is steered as well. How evenly is not asked: nobody waits here until a connection has been accepted."""
    port, = free_ports(1)
    server = steered(bench.build)
    server.extra = f"federation: {{enabled: true, address: 127.0.0.1, port: {port}}}\n"
    try:
        server.start()
        must_steer(server)
        streams = [bench.on_close(socket.create_connection(("127.0.0.1", port))) for _ in range(WAITING)]
        got = server.offload()[3]
        must(sum(got) == len(streams), f"{len(streams)} connections went {got}")
        bench.close()
        must(server.stop() == 0, "it did not stop cleanly")
    finally:
        server.remove()


def is_refused(port):
    with socket.socket() as late:
        return late.connect_ex(("127.0.0.1", port)) != 0


def stopping(bench):
    """While the last client takes its leave nobody new is let in, and nobody is sent where nobody listens."""
    server, raw = bench.server, bench.on_close(Raw(bench.server, "direct").log_in(bench.account()))
    server.will_end()
    server.process.send_signal(signal.SIGTERM)
    while raw.next() is not None:
        pass
    outcomes = [False]
    while not all(outcomes):  # each worker stops in a turn of its own
        outcomes = [is_refused(port) for port in (server.starttls_port, server.direct_port, server.plain_port) * WORKERS]
        must(server.process.poll() is None, "connections were let in until it ended")
    code = server.process.wait(DEADLINE_S)
    server.process = None
    server.has_ended()
    must(code == 0, f"exit code {code} on SIGTERM")


def not_loaded(reason):
    """It says why, in the log and when it is asked, and works."""
    def test(bench):
        state, why, counters, _ = bench.server.offload()
        if "built without" in why and bench.server.workers > 1:
            raise Missing(why)
        must(state == "off" and reason in why and not counters, f"{state}: {why}, {counters}")
        lines = [line for line in bench.server.log_text().splitlines() if " steer=off " in line]
        must(len(lines) == 1 and reason in lines[0], f"log lines {lines}")
        log_ins(bench, WORKERS)
        done = bench.server.musterctl("offload", "steer", "on", check=False)
        must(done.returncode == 1 and reason in done.stderr, f"turned on: exit {done.returncode}, {done.stderr}")
        log_ins(bench, WORKERS)
    return test


def wanted_and_refused(bench):
    """`on` is not `auto`: no start without, and a line that says what is missing."""
    server = steered(bench.build, ("env", "MUSTER_BPF_FAIL=steer"))
    server.extra = "offload: {bpf: on}\n"
    try:
        server.write_config()
        with KERNEL.probing():
            server.launch()
            is_ready = server.wait_ready()
        must(not is_ready and server.process.returncode == 1, "it started")
        last = server.log_text().splitlines()[-1]
        must("offload.bpf: on" in last, f"it says {last!r}")
        server.process = None
    finally:
        server.remove()


def with_capabilities(capabilities, test):
    """As a container runs it: root in name only, but for what is listed."""
    def run_it(bench):
        if os.geteuid() != 0:
            raise Missing("not root, so nothing can be taken away")
        if shutil.which("setpriv") is None:
            raise Missing("no setpriv")
        on_a_server(test, ("setpriv", f"--bounding-set=-all{capabilities}", "--inh-caps=-all"))(bench)
    return run_it


def command_lines(bench):
    for words, status in ((("offload",), 0), (("offload", "steer"), 2), (("offload", "steer", "perhaps"), 2), (("offload", "else", "on"), 2),
                          (("offload", "--help"), 0)):
        done = bench.server.musterctl(*words, check=False)
        must(done.returncode == status and bool(done.stderr) == bool(status), f"{words}: exit {done.returncode}, {done.stderr}")


def tests(server):
    if not server.is_musterd:
        return
    yield "steer: off and on while clients log in", on_a_server(under_traffic)
    yield "steer: the worker with less to do", on_a_server(by_load)
    yield "steer: streams of other servers", other_servers
    yield "steer: while it stops", on_a_server(stopping)
    yield "steer: the program is refused", on_a_server(not_loaded("CAP_BPF"), ("env", "MUSTER_BPF_FAIL=steer"))
    yield "steer: wanted, and refused", wanted_and_refused
    yield "steer: without capabilities", with_capabilities("", not_loaded("CAP_BPF"))
    yield "steer: with CAP_BPF alone", with_capabilities(",+bpf", by_load)
    yield "steer: one worker", on_a_server(not_loaded("one worker"), workers=1)
    yield "steer: musterctl offload", command_lines
