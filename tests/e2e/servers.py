# SPDX-License-Identifier: Apache-2.0
"""The server under test: musterd, or Prosody as a reference that shows that the suite tests the protocol and not our server."""
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import clients

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 30.0
DOMAIN = "localhost"


class KernelCount:
    """What this kernel counted of TLS since the run began (/proc/net/tls_stat), against what must have caused it. Exact only where
    nobody else uses the kernel's TLS, so only where it is asked for: MUSTER_OFFLOAD_TLS=on."""

    path = "/proc/net/tls_stat"

    def __init__(self):
        self.is_wanted = os.environ.get("MUSTER_OFFLOAD_TLS") == "on"
        self.at_start = self.read()
        self.probed = 0  # sessions that servers open with themselves, to see what the kernel can
        self.opened = 0  # by the servers' own count
        self.provoked = 0  # records made so that they cannot be decrypted

    def read(self):
        if not self.is_wanted:
            return {}
        with open(self.path) as lines:
            return {name: int(value) for name, value in map(str.split, lines)}

    def since_start(self, name):
        return self.read().get(name, 0) - self.at_start.get(name, 0)

    @contextlib.contextmanager
    def probing(self):
        """While a server tries what the kernel can, and nobody else opens a session. It may fail to start behind that."""
        before = self.since_start("TlsTxSw")
        try:
            yield
        finally:
            self.probed += self.since_start("TlsTxSw") - before

    def sessions_beside(self, server):
        """The kernel's count of sessions and the server's, of the same moment."""
        while True:
            before = self.since_start("TlsTxSw")
            counted = server.stat("tls_kernel_records")
            if self.since_start("TlsTxSw") == before:
                return before, counted

    def wrong(self):
        """What does not add up, as a list of texts."""
        sessions = self.probed + self.opened
        wanted = {"TlsTxSw": sessions, "TlsRxSw": sessions, "TlsDecryptError": self.provoked, "TlsTxDevice": 0, "TlsRxDevice": 0,
                  "TlsRxRekeyError": 0, "TlsTxRekeyError": 0}
        return [f"{name} {self.since_start(name)}, not {value}" for name, value in wanted.items() if self.since_start(name) != value]


KERNEL = KernelCount()
GIVEN_PORTS = set()


def free_ports(count):
    """Loopback ports below the ephemeral range, so that no outgoing connection takes one before the server does. None is given out twice:
    a server that got one earlier may not have started yet."""
    ports = []
    while len(ports) < count:
        port = random.randint(20000, 31999)
        if port in GIVEN_PORTS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        GIVEN_PORTS.add(port)
        ports.append(port)
    return ports


def has_capability(number):
    """In effect, for this process and what it starts (linux/capability.h)."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")) >> number & 1 == 1


def program_is_off(why):
    """A skip; a failure where it is known that the kernel must take the program (tests/guest/suites.sh)."""
    raise (clients.Failure if os.environ.get("E2E_PROGRAMS") == "on" else clients.Missing)(why)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def make_certificates(folder):
    """A test CA and a certificate for localhost signed by it: ca.pem, cert.pem, key.pem."""
    path = lambda name: os.path.join(folder, name)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test CA", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *key, "-subj", "/CN=localhost", "-keyout", path("key.pem"), "-out", path("cert.csr"))
    with open(path("cert.ext"), "w") as out:
        out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
                  "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                  "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
    openssl("x509", "-req", "-in", path("cert.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial",
            "-days", "2", "-extfile", path("cert.ext"), "-out", path("cert.pem"))


class Server:
    """A server in a folder of its own, on free loopback ports. restart() keeps the state."""

    is_musterd = False
    log_name = "server.log"

    def __init__(self, build, workers):
        self.build = build
        self.workers = workers
        self.process = None
        self.folder = tempfile.mkdtemp(prefix="muster-e2e-")
        os.chmod(self.folder, 0o700)
        make_certificates(self.folder)
        self.ca = self.path("ca.pem")
        self.certificate = self.path("cert.pem")
        self.choose_ports()

    def path(self, name):
        return os.path.join(self.folder, name)

    def choose_ports(self):
        self.starttls_port, self.direct_port, self.plain_port = free_ports(3)

    def log_text(self):
        try:
            with open(self.path(self.log_name), errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def spawn(self, command):
        with open(self.path(self.log_name), "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        for attempt in range(3):
            self.write_config()
            self.launch()
            if self.wait_ready():
                return self
            tail = self.log_text()[-2000:]
            if attempt == 2 or "in use" not in tail:
                raise RuntimeError(f"the server did not start:\n{tail}")
            self.choose_ports()  # another program was faster
        return self

    def wait_ready(self):
        end = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            if self.is_ready():
                self.descriptors_at_rest = self.descriptors()
                return True
            time.sleep(0.01)
        return False

    def descriptors(self):
        """What the server's descriptors stand for, sorted; sockets and the rest by kind only."""
        folder = f"/proc/{self.process.pid}/fd"
        kinds = []
        for name in os.listdir(folder):
            try:
                kinds.append(os.readlink(f"{folder}/{name}").split(":")[0])
            except FileNotFoundError:
                pass  # closed between the two looks
        return sorted(kinds)

    def is_sanitized(self):
        """Built with a sanitizer, which keeps what is freed for a while."""
        with open(f"/proc/{self.process.pid}/maps") as maps:
            text = maps.read()
        return any(name in text for name in ("libasan", "libtsan", "libclang_rt"))

    def listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def will_end(self):
        """To be called before the process is told to end: what it counted ends with it."""

    def has_ended(self):
        """The process is gone."""

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.will_end()
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # leave a trace of where it hangs
            self.process.wait()
            code = "still there after SIGTERM"
        self.process = None
        self.has_ended()
        return code

    def kill(self):
        self.will_end()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
        self.has_ended()

    def restart(self):
        code = self.stop()
        self.start()
        return code

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Musterd(Server):
    is_musterd = True
    log_name = "musterd.log"
    domain = DOMAIN
    more_domains = ""
    pair = None  # certificate and key, where they are not those that come with the folder
    extra = ""  # YAML a test adds
    prefix = ()  # the program that it is started by way of (`env`, `setpriv`, `prlimit`)
    kernel_at_end = None  # the kernel's count when the server was asked last for its own

    def write_config(self):
        os.makedirs(self.path("state"), mode=0o700, exist_ok=True)
        certificate, key = self.pair or (self.path("cert.pem"), self.path("key.pem"))
        with open(self.path("musterd.yaml"), "w") as out:
            out.write(f"""\
domains: [{self.domain}{self.more_domains}]
state: {self.path("state")}
tls: {{certificate: {certificate}, key: {key}}}
listen:
  - {{address: 127.0.0.1, port: {self.starttls_port}, tls: starttls}}
  - {{address: 127.0.0.1, port: {self.direct_port}, tls: direct}}
  - {{address: 127.0.0.1, port: {self.plain_port}, tls: none}}
admin: {{socket: {self.path("admin.sock")}}}
workers: {self.workers}
{self.extra}""")

    def launch(self):
        self.ready_from = len(self.log_text())
        self.spawn([*self.prefix, os.path.join(self.build, "musterd"), "--config", self.path("musterd.yaml")])

    def start(self):
        if not KERNEL.is_wanted:
            return super().start()
        with KERNEL.probing():
            super().start()
            _, opened = KERNEL.sessions_beside(self)
        KERNEL.probed -= opened  # a client that comes back by itself was here already
        return self

    def will_end(self):
        if KERNEL.is_wanted:
            self.kernel_at_end, opened = KERNEL.sessions_beside(self)
            KERNEL.opened += opened

    def has_ended(self):
        if self.kernel_at_end is not None:  # what it opened after it was asked
            KERNEL.opened += KERNEL.since_start("TlsTxSw") - self.kernel_at_end
        self.kernel_at_end = None

    def offload(self):
        """Of steer: (on or off, why, {counter: value}, connections steered to each worker)"""
        lines = [line.split("\t") for line in self.musterctl("offload").stdout.splitlines()]
        _, state, why = next(line for line in lines if line[0] == "steer")
        counters = {line[0]: int(line[1]) for line in lines if line[0] in ("steer.steered", "steer.fell_back")}
        return state, why, counters, [int(line[2].partition("=")[2]) for line in lines if line[0] == "steer.worker"]

    def stat(self, name):
        return int(dict(line.split("\t") for line in self.musterctl("stats").stdout.splitlines())[name])

    def is_ready(self):
        return " ready " in self.log_text()[self.ready_from:]

    def musterctl(self, *arguments, body="", check=True):
        done = subprocess.run([os.path.join(self.build, "musterctl"), "--config", self.path("musterd.yaml"), *arguments],
                              input=body, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"musterctl {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def add_user(self, jid, password):
        self.musterctl("user", "add", jid, body=password + "\n")


class Prosody(Server):
    log_name = "prosody.log"

    def choose_ports(self):
        self.starttls_port, self.direct_port = free_ports(2)
        self.plain_port = self.starttls_port

    def write_config(self):
        os.makedirs(self.path("data"), exist_ok=True)
        with open(self.path("prosody.cfg.lua"), "w") as out:
            out.write(f"""\
run_as_root = true
pidfile = "{self.path("prosody.pid")}"
data_path = "{self.path("data")}"
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.starttls_port} }}
c2s_direct_tls_ports = {{ {self.direct_port} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "presence", "message", "iq", "posix" }}
modules_disabled = {{ "s2s", "offline" }}
c2s_require_encryption = false
authentication = "internal_hashed"
ssl = {{ certificate = "{self.path("cert.pem")}", key = "{self.path("key.pem")}" }}
VirtualHost "{DOMAIN}"
""")

    def launch(self):
        self.spawn(["prosody", "--config", self.path("prosody.cfg.lua"), "-F"])

    def is_ready(self):
        return self.listens(self.starttls_port) and self.listens(self.direct_port)

    def add_user(self, jid, password):
        name, domain = jid.split("@")
        subprocess.run(["prosodyctl", "--config", self.path("prosody.cfg.lua"), "register", name, domain, password],
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)


SERVERS = {"musterd": Musterd, "prosody": Prosody}
