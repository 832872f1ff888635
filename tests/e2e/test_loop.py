# SPDX-License-Identifier: Apache-2.0
"""The workers' loops as a program in the kernel: what it keeps from the daemon with and without the kernel's TLS, what it lets go first,
that nothing is late or lost, and that all is whole without it."""
import os
import signal
import statistics
import time

from clients import DEADLINE_S, Missing, must
from raw import Raw, local
from servers import program_is_off
from test_bpf import KEEPALIVES, RESOURCES, SESSIONS, TURNS_MAX, Without, refusals, server_with, until
from test_bpf import program_of as verdict_of
from test_readers import counter

FLOODERS = 20
SINGLE = 40
FLOOD = 5  # messages of each, and a question for the roster
FLOOD_BYTES = 3000
ROUNDS = 6
PLACED_FIRST = FLOOD  # so many messages go before presence that was sent after them, in the middle of the rounds: what comes to a busy machine in two
# batches is served in two
WATCHERS = 20
CHANGES = 20
LOGIN_TIMEOUT_MS = 3000
QUESTIONS = 4  # for counters, on the way


def program_of(bench):
    """A skip where the program is not attached; the reason is in the log."""
    line = next((line for line in bench.server.log_text().splitlines() if "loop=" in line), "")
    must(line, "nothing is said of the program in the log")
    if "loop=off" in line:
        why = line.partition("reason=")[2]
        if "does not run io_uring's loop" in why:
            raise Missing(why)
        program_is_off(why)
    must(counter(bench, "loop_attached") == bench.server.workers, "it is not attached to all workers")


def until_at_least(bench, names, value):
    deadline = time.monotonic() + DEADLINE_S
    while sum(counter(bench, name) for name in names) < value:
        must(time.monotonic() < deadline, f"{' + '.join(names)} does not come to {value}")
        time.sleep(0.02)  # asked again: there is nothing to wait for


def sessions_open(bench, kind, count, account=None):
    opened = []
    for number in range(count):
        if number % RESOURCES == 0 and account is None or not opened:
            mine = account or bench.account("loop")
        opened.append(bench.on_close(Raw(bench.server, kind).log_in(mine, f"r{number}")))
    for raw in opened:
        raw.ping()
        raw.ping()
    return opened


def kernel_records(bench, kind):
    """Those who sealed for it, so far; a skip where the kernel does not do it for TLS."""
    if kind != "none":
        raw, = sessions_open(bench, kind, 1)
        if counter(bench, "tls_kernel_records") == 0:
            raise Missing("records are not the kernel's here (offload.tls, modules tls and gcm)")
        raw.close()


def keepalives(bench, kind):
    program_of(bench)
    kernel_records(bench, kind)
    sessions = sessions_open(bench, kind, SESSIONS)
    known = {name: counter(bench, name) for name in ("loop_keepalive_octets", "loop_keepalives", "keepalives", "loop_turns", "loop_steps",
                                                  "loop_wakes")}
    for _ in range(KEEPALIVES):
        for raw in sessions:
            raw.send(" ")
    until(bench, "loop_keepalive_octets", known["loop_keepalive_octets"] + SESSIONS * KEEPALIVES)
    turns, steps, wakes, pieces = (counter(bench, name) - known[name]
                                   for name in ("loop_turns", "loop_steps", "loop_wakes", "loop_keepalives"))
    print(f"# {SESSIONS * KEEPALIVES} keep-alives of {SESSIONS} sessions, received in {pieces} pieces: the program ran {steps} times and returned "
          f"{wakes} times, {turns} turns of all workers")
    must(counter(bench, "keepalives") == known["keepalives"], "the daemon has seen white space")
    must((alive := counter(bench, "loop_alive")) == SESSIONS, f"{alive} sessions were heard")
    must(turns < (TURNS_MAX + QUESTIONS) * bench.server.workers, f"the workers had {turns} turns")
    for raw in sessions:
        raw.ping()


def texts(bench, kind):
    """White space that belongs to a text, in a piece of its own, while the program comes and goes."""
    program_of(bench)
    raw, = sessions_open(bench, kind, 1)
    for number in range(60):
        raw.send(f"<message to='{raw.jid}' id='s{number}'><body>a")
        must(bench.server.musterctl("offload", "loop", "on" if number % 2 else "off").returncode == 0, "it cannot be switched")
        raw.send(" ")
        raw.send("b</body></message>")
        raw.send(" ")
        element = raw.next()
        must(element.get("id") == f"s{number}" and "".join(element.itertext()) == "a b", "a text is lost, or changed")
    shown = bench.server.musterctl("offload").stdout
    must("loop\ton" in shown, f"it is not on again: {shown}")
    raw.ping()
    before = counter(bench, "loop_keepalive_octets")
    raw.send(" ")
    until(bench, "loop_keepalive_octets", before + 1)


def one_of_the_two(bench):
    """Both programs could look at a connection without TLS: the loop's does where it is on, the other where it is not, however often that changes and
    whatever the first has kept back."""
    program_of(bench)
    verdict_of(bench)
    watched = counter(bench, "verdict_watched")
    raw, = sessions_open(bench, "none", 1)
    must(counter(bench, "verdict_watched") == watched, "both programs look at one connection")
    names = ("loop_keepalive_octets", "verdict_keepalives", "keepalives")
    for turn in range(6):
        is_on = turn % 2 == 0
        bench.server.musterctl("offload", "loop", "on" if is_on else "off")
        raw.ping()
        raw.ping()
        if not is_on:
            until(bench, "verdict_watched", watched + 1)
        known = {name: counter(bench, name) for name in names}
        for number in range(5):
            raw.send(" ")
            until(bench, names[0 if is_on else 1], known[names[0 if is_on else 1]] + number + 1)
        must(counter(bench, "keepalives") == known["keepalives"], "the daemon has seen white space")
        must(counter(bench, names[1 if is_on else 0]) == known[names[1 if is_on else 0]], f"{names[1 if is_on else 0]} has grown, too")
    bench.server.musterctl("offload", "loop", "on")
    raw.ping()


def both_in_turn(bench):
    """Each goes on and off while texts with white space in pieces of their own come: all arrive, and each piece between them is counted once."""
    program_of(bench)
    verdict_of(bench)
    raw, = sessions_open(bench, "none", 1)
    names = ("loop_keepalive_octets", "verdict_keepalives", "keepalives")
    before = sum(counter(bench, name) for name in names)
    for number in range(60):
        raw.send(f"<message to='{raw.jid}' id='b{number}'><body>a")
        bench.server.musterctl("offload", ("loop", "verdict")[number % 2], "on" if number % 4 > 1 else "off")
        raw.send(" ")
        raw.send("b</body></message>")
        element = raw.next()
        must(element.get("id") == f"b{number}" and "".join(element.itertext()) == "a b", "a text is lost, or changed")
        raw.send(" ")
        until_at_least(bench, names, before + number + 1)
    must(sum(counter(bench, name) for name in names) == before + 60, "white space was counted twice")


def flood_round(bench, flooders, teller, watcher, number):
    """All is sent while the server stands still, presence last. How many of the messages come before it at one who is told of both;
    those of each sender must come in their order. In every other round each asks for the roster as well."""
    os.kill(bench.server.process.pid, signal.SIGSTOP)
    try:
        for index, raw in enumerate(flooders):
            for message in range(FLOOD):
                raw.send(f"<message to='{watcher.jid}' id='{number}-{index}-{message}' type='normal'><body>{'x' * FLOOD_BYTES}</body></message>")
            if number % 2:
                raw.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        teller.send(f"<presence><status>{number}</status></presence>")
    finally:
        os.kill(bench.server.process.pid, signal.SIGCONT)
    place, seen, last = None, 0, {}
    while seen < FLOODERS * FLOOD or place is None:
        element = watcher.next()
        if local(element) == "presence" and element.get("from") == teller.jid:
            place = seen
        elif local(element) == "message":
            _, index, message = map(int, element.get("id").split("-"))
            must(message == last.get(index, -1) + 1, f"message {message} of {index} comes after {last.get(index)}")
            last[index] = message
            seen += 1
    for raw in flooders if number % 2 else ():
        must(raw.next().get("id") == "roster", "something else than the roster came")
    return place


def presence_first(bench, kind):
    program_of(bench)
    kernel_records(bench, kind)
    account = bench.account("order")  # all of one account are at home with one worker
    *flooders, teller, watcher = sessions_open(bench, kind, FLOODERS + 2, account)
    for raw in (teller, watcher):
        raw.send("<presence/>")
        raw.ping()
    on = [flood_round(bench, flooders, teller, watcher, number) for number in range(ROUNDS)]
    waited = counter(bench, "loop_waited")
    with Without(bench, "loop"):
        off = [flood_round(bench, flooders, teller, watcher, number) for number in range(ROUNDS)]
    print(f"# presence sent after {FLOODERS * FLOOD} messages of {FLOOD_BYTES} octets, in every other round with rosters, came behind so many of them: "
          f"{on}; without the program {off}; {waited} receives waited")
    must(statistics.median(on) <= PLACED_FIRST, f"presence came behind {on} messages")
    must(waited > 0 and sum(off) > sum(on), f"nothing is told by this test: {off} without the program")


def fan_out(bench, kind):
    """What there is besides the sends when presence goes to many: what an in-kernel fan-out could spare at most (docs/bpf.md)."""
    program_of(bench)
    kernel_records(bench, kind)
    teller, *watchers = sessions_open(bench, kind, WATCHERS + 1, bench.account("many"))
    for raw in (teller, *watchers):
        raw.send("<presence/>")
        raw.ping()
    names = ("sends", "loop_submitted", "loop_turns", "loop_wakes", "loop_steps")
    known = {name: counter(bench, name) for name in names}
    for number in range(CHANGES):
        teller.send(f"<presence><status>{number}</status></presence>")
        for raw in watchers:
            while (element := raw.next()).findtext("{jabber:client}status") != str(number):
                must(local(element) == "presence", f"{local(element)} came")
    sends, submitted, turns, wakes, steps = (counter(bench, name) - known[name] for name in names)
    print(f"# {CHANGES} changes to {WATCHERS} watchers: {sends} sends, {submitted} operations submitted, {turns} turns of all workers, the program "
          f"returned {wakes} times of {steps}")
    must(sends >= CHANGES * WATCHERS, "not everybody was told")
    must(turns * 2 < sends, "a turn for each delivery is too many")


def single_messages(bench, kind):
    """What presence goes before takes no turn more for that."""
    program_of(bench)
    kernel_records(bench, kind)
    [raw] = sessions_open(bench, kind, 1)
    turns = {}
    for state in ("off", "on"):
        bench.server.musterctl("offload", "loop", state)
        raw.ping()
        before = counter(bench, "loop_turns")
        for number in range(SINGLE):
            raw.send(f"<message to='{raw.jid}' id='{state}-{number}'><body>alone</body></message>")
            must((got := raw.next().get("id")) == f"{state}-{number}", f"{got} came for {state}-{number}")
        turns[state] = counter(bench, "loop_turns") - before
    print(f"# {SINGLE} messages, each awaited: {turns['on']} turns of all workers with the program, {turns['off']} without")
    must(turns["on"] < turns["off"] + SINGLE / 2, "a turn more for each message")


def storm(bench, kind):
    """The program comes and goes while all talk at once: each stanza is answered, in its order."""
    program_of(bench)
    sessions = sessions_open(bench, kind, 20)
    for turn in range(20):
        for raw in sessions:
            for number in range(5):
                raw.send(f"<message to='{raw.jid}' id='{turn}-{number}'><body>{'y' * 700}</body></message> ")
        bench.server.musterctl("offload", "loop", "on" if turn % 2 else "off")
        for raw in sessions:
            for number in range(5):
                must((got := raw.next().get("id")) == f"{turn}-{number}", f"{got} came for {turn}-{number}")


def timers(bench):
    """Who does not log in is sent away in time, though nothing else wakes the workers."""
    program_of(bench)
    code, text = server_with(bench, settings=f"limits: {{login_timeout_ms: {LOGIN_TIMEOUT_MS}}}", also=late_login)
    must(code == 0, f"exit {code}: {text[-500:]}")


def late_login(own):
    must(counter(own, "loop_attached") == own.server.workers, "it is not attached")
    raw = own.on_close(Raw(own.server, "none")).open()
    begun = time.monotonic()
    raw.expect_stream_error("connection-timeout", "policy-violation")
    took_ms = (time.monotonic() - begun) * 1000
    must(took_ms > LOGIN_TIMEOUT_MS / 2, f"it was sent away after {took_ms:.0f} ms")


def tests(server):
    if server.is_musterd:
        for kind in ("none", "direct"):
            yield f"loop: keep-alives wake nobody, {kind}", lambda bench, kind=kind: keepalives(bench, kind)
            yield f"loop: presence goes first, {kind}", lambda bench, kind=kind: presence_first(bench, kind)
            yield f"loop: a fan-out, {kind}", lambda bench, kind=kind: fan_out(bench, kind)
            yield f"loop: single messages, {kind}", lambda bench, kind=kind: single_messages(bench, kind)
            yield f"loop: attached and detached within a text, {kind}", lambda bench, kind=kind: texts(bench, kind)
            yield f"loop: attached and detached in a storm, {kind}", lambda bench, kind=kind: storm(bench, kind)
        yield "loop: one of the two programs for a connection", one_of_the_two
        yield "loop: both programs on and off within a text", both_in_turn
        yield "loop: who does not log in is sent away in time", timers
        yield from ((f"loop: {name}", test) for name, test in refusals("loop"))
