# SPDX-License-Identifier: Apache-2.0
"""musterctl with the daemon up and down, the command lines, the configuration check."""
import os
import re
import subprocess

from clients import Failure, must
from raw import Raw, local
from servers import KERNEL, Musterd

ROSTER = "jabber:iq:roster"


def run(*command, body=""):
    return subprocess.run(command, input=body, capture_output=True, text=True, timeout=60)


def can_log_in(bench, account):
    raw = Raw(bench.server, "direct")
    try:
        raw.open()
        answer = raw.scram(*account)
        return answer is not None and local(answer) == "success"
    finally:
        raw.close()


def roster_of(bench, account):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    reply = raw.ask(f"<iq type='get' id='all'><query xmlns='{ROSTER}'/></iq>", "all")
    return {item.get("jid"): (item.get("subscription"), item.get("name"), sorted(g.text for g in item))
            for item in reply.iter(f"{{{ROSTER}}}item")}


def command_lines(bench):
    for name in ("musterd", "musterctl"):
        program = os.path.join(bench.build, name)
        for option in ("--help", "--version"):
            done = run(program, option)
            must(done.returncode == 0 and done.stdout, f"{name} {option}: exit {done.returncode}, {done.stdout!r}")
        done = run(program, "--no-such-option")
        must(done.returncode == 2 and done.stderr, f"{name} --no-such-option: exit {done.returncode}, wanted 2 and a line")
    done = bench.server.musterctl("no-such-command", check=False)
    must(done.returncode == 2 and done.stderr, f"musterctl no-such-command: exit {done.returncode}, wanted 2 and a line")


def up_or_down(is_up):
    def test(bench):
        server = bench.server
        stem = "up" if is_up else "down"
        if not is_up:
            must(server.stop() == 0, "the server did not stop cleanly")
        one, two = (f"{stem}1@localhost", "first password"), (f"{stem}2@localhost", "second password")
        server.musterctl("user", "add", one[0], body=one[1] + "\n")
        server.musterctl("user", "add", two[0], "--password", two[1])
        done = server.musterctl("user", "add", "not a jid@", body="x\n", check=False)
        must(done.returncode == 1 and len(done.stderr.splitlines()) == 1, f"a bad JID: exit {done.returncode}, {done.stderr!r}")
        done = server.musterctl("user", "remove", "nobody-here@localhost", check=False)
        must(done.returncode == 1 and len(done.stderr.splitlines()) == 1, f"an unknown user: exit {done.returncode}, {done.stderr!r}")

        table = server.path("users.tsv")
        with open(table, "w") as out:
            out.writelines(f"{stem}-many{i}@localhost\tpassword {i}\n" for i in range(200))
        server.musterctl("user", "import", table)
        rosters = server.path("rosters.tsv")
        with open(rosters, "w") as out:
            out.write(f"{one[0]}\t{two[0]}\tboth\tTwo\tFriends,Work\n{two[0]}\t{one[0]}\tboth\n"
                      f"{one[0]}\telse@example.org\tnone\n")
        server.musterctl("roster", "import", rosters)
        listed = server.musterctl("user", "list").stdout.split()
        for jid in (one[0], two[0], f"{stem}-many199@localhost"):
            must(jid in listed, f"{jid} is not in the list of users")
        server.musterctl("user", "remove", f"{stem}-many7@localhost")

        if not is_up:
            server.start()
        must(can_log_in(bench, one) and can_log_in(bench, (f"{stem}-many8@localhost", "password 8")), "a user cannot log in")
        must(not can_log_in(bench, (f"{stem}-many7@localhost", "password 7")), "a removed user can log in")
        found = roster_of(bench, one)
        wanted = {two[0]: ("both", "Two", ["Friends", "Work"]), "else@example.org": ("none", None, [])}
        must(found == wanted, f"the imported roster is {found}")
        must(roster_of(bench, two) == {one[0]: ("both", None, [])}, "the other imported roster is wrong")
    return test


def import_meets_session(bench):
    """A roster import while both are logged in: either they live on, or they are told to come again (reset)."""
    one, two = bench.account(), bench.account()
    rosters = bench.server.path("rosters.tsv")
    with open(rosters, "w") as out:
        out.write(f"{one[0]}\t{two[0]}\tboth\n{two[0]}\t{one[0]}\tboth\n")
    sessions = [bench.on_close(Raw(bench.server, "direct")).log_in(account) for account in (one, two)]
    bench.server.musterctl("roster", "import", rosters)
    for session in sessions:
        try:
            session.ping()
        except Failure:
            session.queue.extend(session.passed)
            session.expect_stream_error("reset")
    for account, other in ((one, two), (two, one)):
        must(roster_of(bench, account) == {other[0]: ("both", None, [])}, f"roster of {account[0]} after the import")


def sessions_are_listed(bench):
    account = bench.account("listed")
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account, "desk")
    listed = bench.server.musterctl("session", "list").stdout
    must(raw.jid in listed, f"{raw.jid} is not in {listed!r}")
    must(bench.server.musterctl("stats").stdout.strip(), "stats says nothing")


def shutdown(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    bench.server.will_end()
    bench.server.musterctl("shutdown")
    raw.expect_stream_error("system-shutdown")
    code = bench.server.process.wait(30)
    bench.server.has_ended()
    must(code == 0, f"exit code {code} after musterctl shutdown")
    must(not os.path.exists(bench.server.path("admin.sock")), "the admin socket is still there")
    bench.server.start()


def bad_configurations(bench):
    with open(bench.server.path("musterd.yaml")) as good:
        text = good.read()
    cases = (
        ("not YAML", "domains: [localhost\nstate: x\n", None),
        ("unknown key", text + "no_such_key: 1\n", "no_such_key"),
        ("not a number", text.replace("workers: ", "workers: many-"), "workers"),
        ("no domains", text.replace("domains: [localhost]\n", ""), "domains"),
        ("plain text beyond loopback", text.replace(f"127.0.0.1, port: {bench.server.plain_port}",
                                                    f"0.0.0.0, port: {bench.server.plain_port}"), "tls"),
    )
    path = bench.server.path("bad.yaml")
    program = os.path.join(bench.build, "musterd")
    for name, broken, word in cases:
        with open(path, "w") as out:
            out.write(broken)
        done = run(program, "--config", path, "--check")
        must(done.returncode == 1, f"{name}: exit {done.returncode}")
        must(re.search(re.escape(path) + r":\d+:\d+: ", done.stderr) or word == "domains" and path in done.stderr,
             f"{name}: no line and column in {done.stderr!r}")
        must(all(line.strip() for line in done.stderr.splitlines()), f"{name}: empty lines in {done.stderr!r}")
        must(word is None or word in done.stderr, f"{name}: {word} is not named in {done.stderr!r}")
    must(run(program, "--config", bench.server.path("musterd.yaml"), "--check").returncode == 0, "the good one is refused")
    done = run(program, "--config", bench.server.path("missing.yaml"), "--check")
    must(done.returncode == 1 and "missing.yaml" in done.stderr, f"a missing file: exit {done.returncode}, {done.stderr!r}")


def second_daemon(bench):
    """The same ports, the same state: the second one says so and ends; the first one lives."""
    with KERNEL.probing():
        done = run(os.path.join(bench.build, "musterd"), "--config", bench.server.path("musterd.yaml"))
    must(done.returncode == 1 and done.stderr, f"a second daemon: exit {done.returncode}, {done.stderr!r}")
    must(can_log_in(bench, bench.account()), "the first daemon does not answer any more")


def with_limits(limits, test):
    return with_settings(f"limits: {{{limits}}}", test)


def with_settings(settings, test):
    """Run `test` on a server of its own with these lines of configuration."""
    def run_it(bench):
        server = Musterd(bench.build, bench.server.workers)
        server.extra = settings + "\n"
        own = type(bench)(server.start(), bench.build)
        try:
            test(own)
            own.close()
            code = server.stop()
            must(code == 0, f"exit code {code} on SIGTERM")
        finally:
            own.close()
            server.remove()
    return run_it


def login_timeout(bench):
    waiting = []
    for step in (lambda raw: None, lambda raw: raw.open(), lambda raw: raw.secure()):
        waiting.append(bench.on_close(Raw(bench.server)))
        step(waiting[-1])
    silent = bench.on_close(Raw(bench.server))  # says nothing at all
    for raw in waiting:
        while raw.next() is not None:
            pass
        raw.wait_closed()
    silent.wait_closed()
    raw = bench.on_close(Raw(bench.server)).log_in(bench.account())
    raw.ping()


def slow_reader(bench):
    """Somebody who does not read is dropped at the limit; who writes to him is not held up."""
    slow = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account("slow"))
    fast = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account("fast"))
    slow.send("<presence/>")
    slow.ping()
    body = "x" * 60000
    for number in range(600):
        fast.send(f"<message to='{slow.jid}' type='headline'><body>{number} {body}</body></message>")
        if number % 20 == 0:
            fast.ping()
            if slow.jid not in bench.server.musterctl("session", "list").stdout:
                return
    raise Failure("36 MB wait for a reader with a limit of 1 MiB")


def resource_limit(bench):
    account = bench.account()
    held = [bench.on_close(Raw(bench.server, "direct")).log_in(account) for _ in range(2)]
    third = bench.on_close(Raw(bench.server, "direct")).open()
    third.scram(*account)
    third.open()
    reply = third.bind()
    must(reply.get("type") == "error" and third.condition(reply) == "resource-constraint",
         f"a third resource was answered {reply.attrib} {third.condition(reply)}")
    for raw in held:
        raw.ping()


def roster_limit(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    for number in range(5):
        reply = raw.ask(f"<iq type='set' id='s{number}'><query xmlns='{ROSTER}'><item jid='c{number}@example.org'/>"
                        "</query></iq>", f"s{number}")
        if number < 3:
            must(reply.get("type") == "result", f"item {number} of 3 was refused: {raw.condition(reply)}")
        else:
            must(reply.get("type") == "error", f"item {number} of 3 was taken")


def tests(server):
    if not server.is_musterd:
        return
    yield "admin: command lines", command_lines
    yield "admin: users and rosters, daemon up", up_or_down(True)
    yield "admin: users and rosters, daemon down", up_or_down(False)
    yield "admin: roster import meets sessions", import_meets_session
    yield "admin: session list and stats", sessions_are_listed
    yield "admin: shutdown", shutdown
    yield "admin: bad configurations", bad_configurations
    yield "admin: a second daemon", second_daemon
    yield "limits: log-in takes too long", with_limits("login_timeout_ms: 1000", login_timeout)
    yield "limits: slow reader", with_limits("queue_bytes: 1048576", slow_reader)
    yield "limits: resources per account", with_limits("resources: 2", resource_limit)
    yield "limits: roster items", with_limits("roster_items: 3", roster_limit)
