# SPDX-License-Identifier: Apache-2.0
"""XMPP streams whose TLS is done by something else than Python: tls_client (records made by hand), openssl s_client, gnutls-cli.
Each stands in for the socket of a Raw, so that whole log-ins run through it."""
import os
import re
import select
import socket
import subprocess
import time

from clients import DEADLINE_S, Failure, Missing
from raw import NS_TLS, Raw, local

KEY_UPDATE_QUIET, KEY_UPDATE_ASKING = 0, 1
RECORD_PLAIN_MAX = 16384
CONTENT_DATA = 23


class Pipe:
    """A child process as a socket: sendall, recv with a timeout, close."""

    def __init__(self, command, pass_fds=()):
        self.timeout = DEADLINE_S
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        pass_fds=pass_fds, bufsize=0)

    def settimeout(self, timeout):
        self.timeout = timeout

    def write(self, data):
        try:
            view = memoryview(data)
            while view:
                view = view[self.process.stdin.write(view):]
        except BrokenPipeError:
            pass  # it has ended; what it said last is still to be read

    sendall = write

    def recv(self, limit):
        if not select.select([self.process.stdout], [], [], self.timeout)[0]:
            raise TimeoutError
        return os.read(self.process.stdout.fileno(), limit)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class Sealer(Pipe):
    """tls_client. `shape(data)` makes the commands for what is to be sent."""

    def __init__(self, build, tcp, *options):
        program = os.path.join(build, "tests", "e2e", "tls_client")
        if not os.path.exists(program):
            raise Missing("tls_client was not built")
        tcp.setblocking(True)  # a timeout is the non-blocking flag, which the child would share
        fd = tcp.fileno()
        super().__init__([program, "--fd", str(fd), *options], pass_fds=(fd,))
        tcp.close()
        self.rest = b""
        self.events = []  # alerts, updates, tickets, in order, with "data" for each record of data
        self.shape = self.records
        self.is_over = False

    def line(self):
        """The next event as a list of words."""
        while b"\n" not in self.rest:
            more = super().recv(65536)
            if not more:
                return ["eof"]
            self.rest += more
        text, _, self.rest = self.rest.partition(b"\n")
        return text.decode().split(" ")

    def recv(self, _):
        while not self.is_over:
            words = self.line()
            if words[0] == "data":
                self.events.append(("data",))
                if data := bytes.fromhex(words[1].strip("-")):
                    return data
            elif words[0] == "eof":
                self.is_over = True
            elif words[0] == "failed":
                raise Failure("tls_client: " + " ".join(words[1:]))
            else:
                self.events.append(tuple(words))
        return b""

    def command(self, *lines):
        self.write("".join(line + "\n" for line in lines).encode())

    def sendall(self, data):
        self.command(*self.shape(data), "send")

    @staticmethod
    def records(data, size=RECORD_PLAIN_MAX):
        return [f"data {data[i:i + size].hex()}" for i in range(0, len(data), size)]

    def alerts(self):
        return [int(words[2]) for words in self.events if words[0] == "alert"]

    def updates(self):
        return [words for words in self.events if words[0] == "update"]

    def wait_for(self, event):
        """Until an event of this name; data that comes meanwhile is lost."""
        while not any(words[0] == event for words in self.events):
            if not self.recv(0):
                raise Failure(f"the connection ended before {event}: {self.events}")


class Sealed(Raw):
    """A stream over tls_client. `options` are its; `ready` is what it said about the handshake."""

    def __init__(self, bench, tls="direct", *options):
        self.build = bench.build
        self.options = options
        super().__init__(bench.server, tls)
        if tls == "starttls":
            self.open()
            self.send(f"<starttls xmlns='{NS_TLS}'/>")
            if local(self.next()) != "proceed":
                raise Failure("no <proceed/>")
            self.start_tls()

    def start_tls(self, alpn=None):
        options = list(self.options)
        if alpn and "--alpn" not in options and "--no-alpn" not in options:
            options += ["--alpn", alpn[0]]
        self.socket = Sealer(self.build, self.socket, *(o for o in options if o != "--no-alpn"))
        self.is_tls = True
        self.ready = self.socket.line()
        if self.ready[0] != "ready":
            raise Failure("tls_client: " + " ".join(self.ready))

    def read_to_end(self):
        """Everything up to the end of the connection, which must come."""
        try:
            self.socket.settimeout(DEADLINE_S)
            data = b""
            while more := self.socket.recv(65536):
                data += more
            return data
        except TimeoutError:
            raise Failure("the server did not close the connection") from None


class Piped(Raw):
    """A stream over s_client or gnutls-cli. `ending` goes behind everything that is sent: gnutls-cli reads whole lines only."""

    def __init__(self, bench, command, ending=b""):
        self.server = bench.server
        self.features = self.jid = None
        self.is_tls = True
        self.new_parser()
        self.socket = Pipe(command)
        self.ending = ending

    def _read(self, end):
        """gnutls-cli prints in pieces of any size, and an XML parser may wait with an unfinished tag for much more than its end
        (expat's reparse deferral): it is given whole tags only."""
        whole = self.socket.recv
        self.socket.recv = lambda limit: self._whole_tags(whole, limit)
        try:
            super()._read(end)
        finally:
            del self.socket.recv

    @staticmethod
    def _whole_tags(receive, limit):
        data = receive(limit)
        while data and not data.rstrip().endswith(b">") and (more := receive(limit)):
            data += more
        return data

    def send(self, text):
        super().send((text if isinstance(text, bytes) else text.encode()) + self.ending)


def s_client(server, *more, tls="direct"):
    port = server.direct_port if tls == "direct" else server.starttls_port
    starttls = [] if tls == "direct" else ["-starttls", "xmpp", "-xmpphost", "localhost"]
    # -brief: as quiet as -quiet, but the commands stay.
    return ["openssl", "s_client", "-brief", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", server.ca,
            "-verify_return_error", *starttls, *more]


def run_s_client(server, *more, body=b"", tls="direct"):
    done = subprocess.run(s_client(server, *more, tls=tls), input=body, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def gnutls_cli(server, log, *more, tls="direct"):
    port = server.direct_port if tls == "direct" else server.starttls_port
    starttls = [] if tls == "direct" else ["--starttls-proto", "xmpp"]
    return ["gnutls-cli", "--logfile", log, "--x509cafile", server.ca, "--sni-hostname", "localhost", "--verify-hostname", "localhost",
            "-p", str(port), *starttls, *more, "localhost"]


def plain_to_tls(server):
    """A TCP connection behind <proceed/>."""
    raw = Raw(server)
    raw.open()
    raw.send(f"<starttls xmlns='{NS_TLS}'/>")
    if local(raw.next()) != "proceed":
        raise Failure("no <proceed/>")
    return raw


def tcp(port):
    found = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def wait_until(what, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (result := what()):
        if time.monotonic() > end:
            return result
        time.sleep(0.02)
    return result


class Records:
    """Who opens this server's records."""

    def __init__(self, server):
        found = re.findall(r" tls-records by=(\w+) rekey=(\w+)", server.log_text())
        by, rekey = found[-1] if found else ("user", "no")
        self.by_kernel = by == "kernel"
        self.can_rekey = not self.by_kernel or rekey == "yes"


def with_bystander(test):
    """Beside a session that must not notice anything."""
    def run(bench):
        bystander = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
        test(bench)
        bystander.ping()
    return run


def connect(bench, tls="direct", *options):
    return bench.on_close(Sealed(bench, tls, *options))


def logged_in(bench, tls="direct", *options):
    return connect(bench, tls, *options).log_in(bench.account())


def expect_reset(stream):
    """Where the kernel takes no new keys."""
    stream.expect_stream_error("reset")
