# SPDX-License-Identifier: Apache-2.0
"""The three real clients, each behind a small adapter that speaks one line protocol.

An adapter reads commands and says events; both are one flat JSON object a line, every value a string. Commands (`do`):
connect, presence, message, roster-get, roster-set, roster-remove, ping, disco, unknown, close; of slixmpp also roster-sync; lose: the connection is
cut without a word, and the client comes back by itself (only after connect with `resume`, the seconds for which it wants its session kept);
stanza: `xml` through the client's own stream, for what its library has no words for. Events (`event`): online, resumed, failed, presence, message,
push, roster-item, reply, closed; and stanza, for every one that comes, its `xml` as the library's parser has understood it, after connect with
`raw`. `signs` (of slixmpp; a certificate and its key): `signed` says an object of RFC 3923 (smime_slixmpp.py), `object` is one that
came with the server's mark, `marks` asks for these. `notify`: a node that the client says it wants to hear of, if it is asked. So a scenario is written once and played by any pair of clients.

Loading a client library takes far longer than a whole scenario, so it is done once: ADAPTER FD is a host that listens on the
socket FD, and each connection is a new client (a forked process, or for Node.js a new object). A connection that ends without `close`
is a client that dies on the spot: nothing more is said to the server. The host ends with its standard input.
"""
import fcntl
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ("slixmpp", "strophe", "xmppjs")
# Generous, because sanitizer builds on a busy two-core machine are slow; a test that passes never waits this long.
DEADLINE_S = float(os.environ.get("E2E_DEADLINE_S", "20"))  # an emulated processor needs more


# For the adapters' processes, beside our own environment.
ENVIRONMENT = {}


class Missing(Exception):
    """This client cannot run here; the text says why."""


class Failure(AssertionError):
    pass


def must(condition, text):
    if not condition:
        raise Failure(text)


def js_folder(build):
    return os.path.join(build, "e2e-js")


def read(*path):
    try:
        with open(os.path.join(*path), encoding="utf-8") as text:
            return text.read()
    except FileNotFoundError:
        return None


def install_xmppjs(build):
    """npm ci into the build folder, once per lock file. Raises Missing with the reason."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    target = js_folder(build)
    wanted, adapter = read(HERE, "js", "package-lock.json"), "xmppjs_client.mjs"

    def is_there():
        return read(target, "installed") == wanted and read(target, adapter) == read(HERE, "js", adapter)

    if is_there():
        return  # for who may only read the build folder, too
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several suites of one meson run may arrive together
        shutil.copy(os.path.join(HERE, "js", adapter), target)
        if is_there():
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, "js", name), target)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=target, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "error" in line] or ["no output"]
            raise Missing(f"npm ci failed: {lines[0]}")
        with open(os.path.join(target, "installed"), "w") as out:
            out.write(wanted)


def command_for(kind, build):
    if kind == "slixmpp":
        python = "/usr/bin/python3"  # Debian's packages are for Debian's interpreter
        if subprocess.run([python, "-c", "import slixmpp"], capture_output=True).returncode != 0:
            raise Missing("python3-slixmpp is not installed")
        return [python, os.path.join(HERE, "slixmpp_client.py")]
    if kind == "strophe":
        program = os.path.join(build, "tests", "e2e", "strophe_client")
        if not os.path.exists(program):
            raise Missing("libstrophe was not found when the build was set up")
        return [program]
    install_xmppjs(build)
    return ["node", os.path.join(js_folder(build), "xmppjs_client.mjs")]


class Host:
    """The process that makes clients of one kind, which trust `ca`."""

    def __init__(self, kind, build, ca):
        self.kind = kind
        self.ca = ca
        environment = dict(os.environ, NODE_EXTRA_CA_CERTS=ca, SSL_CERT_FILE=ca, **ENVIRONMENT)
        with socket.socket(socket.AF_UNIX) as listener:  # from then on it is the host's alone, and ends with it
            listener.bind("")  # the kernel finds a name, and no file is left behind
            listener.listen()
            self.name = listener.getsockname()
            fd = listener.fileno()
            self.process = subprocess.Popen([*command_for(kind, build), str(fd)], stdin=subprocess.PIPE, pass_fds=(fd,),
                                            env=environment, start_new_session=True)

    def connect(self):
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(self.name)
        except ConnectionRefusedError:
            raise Failure(f"the host of {self.kind} clients ended, exit code {self.process.poll()}") from None
        return link

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Client:
    """One new client of `host`, with its events in order of arrival."""

    ids = itertools.count(1)

    def __init__(self, host):
        self.kind = host.kind
        self.ca = host.ca
        self.jid = None
        self.events = []
        self.changed = threading.Condition()
        self.ended = False
        self.link = host.connect()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _lines(self):
        try:
            yield from self.link.makefile(encoding="utf-8")
        except ConnectionResetError:
            pass  # it ended before it had read all that was sent to it

    def _read(self):
        for line in self._lines():
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "noise", "line": line.rstrip()}
            if os.environ.get("E2E_TRACE"):
                print(f"# {self} -> {line.rstrip()}", file=sys.stderr)
            with self.changed:
                self.events.append(event)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def __str__(self):
        return f"{self.kind} {self.jid or ''}".rstrip()

    def send(self, do, **fields):
        line = json.dumps({"do": do, **{k: v for k, v in fields.items() if v is not None}}, ensure_ascii=False)
        if os.environ.get("E2E_TRACE"):
            print(f"# {self} <- {line}", file=sys.stderr)
        try:
            self.link.sendall(line.encode() + b"\n")
        except OSError:
            raise Failure(f"{self}: it ended") from None

    @staticmethod
    def _matches(event, wanted):
        return all(value(event.get(key, "")) if callable(value) else event.get(key, "") == value
                   for key, value in wanted.items())

    def expect(self, event, deadline_s=DEADLINE_S, **fields):
        """Take the first event that matches; wait for it if need be."""
        wanted = {"event": event, **fields}
        end = time.monotonic() + deadline_s
        with self.changed:
            while True:
                for index, seen in enumerate(self.events):
                    if self._matches(seen, wanted):
                        return self.events.pop(index)
                left = end - time.monotonic()
                if left <= 0 or self.ended:
                    why = "it ended" if self.ended else f"nothing within {deadline_s:.0f} s"
                    raise Failure(f"{self}: waited for {wanted}: {why}; it has {self.events[-12:]}")
                self.changed.wait(left)

    def seen(self, event, **fields):
        """The events of this kind that wait to be taken."""
        wanted = {"event": event, **fields}
        with self.changed:
            return [seen for seen in self.events if self._matches(seen, wanted)]

    def expect_none(self, event, **fields):
        found = self.seen(event, **fields)
        if found:
            raise Failure(f"{self}: must not have got {found[0]}")

    def forget(self):
        with self.changed:
            self.events.clear()

    # The dialogue's usual steps.

    def connect(self, server, jid, password, tls, expect_failure=False, **more):
        port = {"starttls": server.starttls_port, "direct": server.direct_port, "none": server.plain_port}[tls]
        self.send("connect", jid=jid, password=password, host="127.0.0.1", port=str(port), tls=tls, ca=self.ca, **more)
        if expect_failure:
            return self.expect("failed")
        self.jid = self.expect("online")["jid"]
        return self.jid

    @property
    def bare(self):
        return self.jid.split("/")[0]

    def ask(self, do, expected="result", **fields):
        request = f"t{next(self.ids)}"
        self.send(do, id=request, **fields)
        reply = self.expect("reply", id=request)
        if reply["type"] != expected:
            raise Failure(f"{self}: {do} {fields} was answered {reply}, not {expected}")
        return reply

    def roster(self):
        reply = self.ask("roster-get")
        with self.changed:
            items = [e for e in self.events if e["event"] == "roster-item" and e["id"] == reply["id"]]
            self.events = [e for e in self.events if e not in items]
        return {item["jid"]: item for item in items}

    def appear(self):
        """Get the roster and send initial presence; the server reflects it (RFC 6121 s. 4.2.2)."""
        items = self.roster()
        self.send("presence")
        self.expect("presence", **{"from": self.jid, "type": ""})
        return items

    def close(self):
        """Close the stream; wait until the client has ended."""
        if not self.ended:
            try:
                self.send("close")
                self.reader.join(DEADLINE_S)
            except Failure:
                pass
        self.kill()

    def kill(self):
        """No stream close, no TLS close_notify: as kill -9."""
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended
        self.reader.join()
        self.link.close()
