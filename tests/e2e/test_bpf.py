# SPDX-License-Identifier: Apache-2.0
"""Programs in the kernel that look at what comes before the daemon does: what they keep from it, and that it is whole without them."""
import os
import time

from clients import DEADLINE_S, Missing, must
from raw import Raw
from servers import Musterd, program_is_off
from test_readers import counter

SESSIONS = 100
RESOURCES = 10  # of an account
KEEPALIVES = 100  # of each
# A turn now and then is due to timers and to the question for the counters.
TURNS_MAX = 8


def program_of(bench):
    """The verdict program's line in the log; a skip where it may not be loaded."""
    line = next((line for line in bench.server.log_text().splitlines() if "verdict=" in line), "")
    must(line, "nothing is said of the program in the log")
    if "verdict=off" in line:
        program_is_off(line.partition("reason=")[2])


def until(bench, name, value):
    deadline = time.monotonic() + DEADLINE_S
    while (now := counter(bench, name)) != value:
        must(time.monotonic() < deadline, f"{name} is {now}, not {value}")
        time.sleep(0.02)  # asked again: there is nothing to wait for


def sessions_open(bench, count):
    """Logged in without TLS, and watched by the program."""
    before = counter(bench, "verdict_watched")
    opened = []
    for number in range(count):
        if number % RESOURCES == 0:
            account = bench.account("plain")
        opened.append(bench.on_close(Raw(bench.server, "none").log_in(account, f"r{number}")))
    for raw in opened:
        raw.ping()
        raw.ping()  # the program is asked when the answer to the first is on its way
    until(bench, "verdict_watched", before + count)
    return opened


class Without:
    """While one of the programs is off."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name

    def __enter__(self):
        self.bench.server.musterctl("offload", self.name, "off", check=False)

    def __exit__(self, *_):
        self.bench.server.musterctl("offload", self.name, "on", check=False)


def alone(test):
    """Without the loop's program, which does it all where it is on."""
    def run(bench):
        program_of(bench)
        with Without(bench, "loop"):
            test(bench)
    return run


def keepalives(bench):
    sessions = sessions_open(bench, SESSIONS)
    for raw in sessions:
        raw.ping()
    known = {name: counter(bench, name) for name in ("verdict_keepalives", "keepalives", "loop_turns")}
    for _ in range(KEEPALIVES):
        for raw in sessions:
            raw.send(" ")
    until(bench, "verdict_keepalives", known["verdict_keepalives"] + SESSIONS * KEEPALIVES)
    turns = counter(bench, "loop_turns") - known["loop_turns"]
    asked = 2  # a question wakes each worker; the waiting above has asked some more
    print(f"# {SESSIONS * KEEPALIVES} keep-alives of {SESSIONS} sessions: {turns} turns of all workers")
    must(counter(bench, "keepalives") == known["keepalives"], "the daemon has seen white space")
    must(turns < (TURNS_MAX + asked) * bench.server.workers, f"the workers woke {turns} times")
    for raw in sessions:
        raw.ping()


def within_a_stanza(bench):
    """White space that belongs to a text, alone in its segment, arrives."""
    raw, = sessions_open(bench, 1)
    for number in range(50):
        raw.send(f"<message to='{raw.jid}' id='w{number}'><body>a")
        raw.send(" ")
        raw.send("b</body></message>")
        raw.send(" ")
        element = raw.next()
        must("".join(element.itertext()) == "a b", f"the text came as {''.join(element.itertext())!r}")


def switched_under_traffic(bench):
    """Off and on while texts with white space in pieces of their own, and keep-alives, come: all of the texts arrive, in order."""
    raw, = sessions_open(bench, 1)
    for number in range(60):
        raw.send(f"<message to='{raw.jid}' id='s{number}'><body>a")
        must(bench.server.musterctl("offload", "verdict", "on" if number % 2 else "off").returncode == 0, "it cannot be switched")
        raw.send(" ")
        raw.send("b</body></message>")
        raw.send(" ")
        element = raw.next()
        must(element.get("id") == f"s{number}" and "".join(element.itertext()) == "a b", "a text is lost, or changed")
    shown = bench.server.musterctl("offload").stdout
    must("verdict\ton" in shown, f"it is not on again: {shown}")
    before = counter(bench, "verdict_keepalives")
    raw.send(" ")
    until(bench, "verdict_keepalives", before + 1)


def server_with(bench, *prefix, settings="", also=None):
    """A server of its own, started so. Its exit code and its log: when one has logged in without TLS, `also` was done and it was told to stop, or
    when it did not come up."""
    server = Musterd(bench.build, bench.server.workers)
    server.prefix, server.extra = prefix, settings + "\n"
    try:
        server.start()
    except RuntimeError:
        code, server.process = server.process.returncode, None
        text = server.log_text()
        server.remove()
        return code, text
    own = type(bench)(server, bench.build)
    try:
        raw = Raw(server, "none").log_in(own.account("plain"))
        raw.send(" ")
        raw.ping()
        must(counter(own, "keepalives") == 1, "the daemon has not seen the white space")
        raw.close()
        if also:
            also(own)
        return server.stop(), server.log_text()
    finally:
        own.close()
        server.remove()


def without_capabilities(bench):
    program_of(bench)
    if os.geteuid() != 0:
        raise Missing("only root can give capabilities up here")
    prefix = ("setpriv", "--bounding-set=-bpf,-sys_admin,-net_admin,-perfmon", "--inh-caps=-all")
    code, text = server_with(bench, *prefix)
    must(code == 0, f"exit {code}: {text[-500:]}")
    must("verdict=off" in text and "CAP_BPF" in text, f"the log does not say what is missing: {text[-500:]}")


def refusals(program):
    """What is done where this one cannot be loaded, where it must be, and where nobody wants it: names and tests."""
    def is_said(code, word, *prefix, settings=""):
        def run(bench):
            ended, text = server_with(bench, *prefix, settings=settings)
            must(ended == code and word(text), f"exit {ended}: {text[-500:]}")
        return run
    fails = ("env", f"MUSTER_BPF_FAIL={program}")
    return (("the kernel refuses the program", is_said(0, lambda text: f"{program}=off" in text, *fails)),
            ("wanted, and refused", is_said(1, lambda text: "offload.bpf" in text, *fails, settings="offload: {bpf: on}")),
            ("switched off", is_said(0, lambda text: f"{program}=" not in text, settings="offload: {bpf: off}")))


def tests(server):
    if server.is_musterd:
        yield "bpf: keep-alives without TLS wake nobody", alone(keepalives)
        yield "bpf: white space within a stanza arrives", alone(within_a_stanza)
        yield "bpf: switched off and on under traffic", alone(switched_under_traffic)
        yield "bpf: no capability for it", without_capabilities
        yield from ((f"bpf: {name}", test) for name, test in refusals("verdict"))
