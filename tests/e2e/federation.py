# SPDX-License-Identifier: Apache-2.0
"""Servers that speak to each other: certificates of one authority, musterd and Prosody with static hosts, and a server by hand."""
import os
import socket
import ssl
import threading
import time

import raw as raw_module
from clients import DEADLINE_S, Failure, must
from raw import NS_TLS, Raw, local
from servers import Musterd, Prosody, free_ports, openssl

NS_SERVER = "jabber:server"
NS_DIALBACK = "jabber:server:dialback"
CAPULET, MONTAGUE = "capulet.example", "montague.example"
MESSAGE = f"<message from='romeo@{MONTAGUE}' to='juliet@{CAPULET}'><body>neither, fair saint</body></message>"
DIALBACK_FEATURE = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
EXTERNAL_FEATURE = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
OPTIONAL = "certificates: optional"


class Certificates:
    """An authority, and certificates for domains."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "authority")
        os.makedirs(self.folder, exist_ok=True)
        self.ca, self.ca_key = self.path("ca.pem"), self.path("ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=authority",
                "-keyout", self.ca_key, "-out", self.ca, "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, domain, name=None):
        """(certificate, key) of a server of `domain`."""
        certificate, key, request, extensions = (self.path(f"{name or domain}.{kind}") for kind in ("pem", "key", "csr", "ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={domain}", "-keyout", key, "-out",
                request)
        with open(extensions, "w") as out:
            out.write(f"subjectAltName=DNS:{domain}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial", "-days", "2", "-extfile",
                extensions, "-out", certificate)
        return certificate, key


class FederatedMusterd(Musterd):
    """`hosts`: {domain: port}; `settings`: lines of the federation section."""

    def __init__(self, build, workers, domain, certificates, settings=""):
        self.domain, self.certificates, self.settings = domain, certificates, settings
        self.hosts = {}
        self.pair = certificates.make(domain)
        super().__init__(build, workers)
        self.ca = certificates.ca

    def choose_ports(self):
        self.starttls_port, self.direct_port, self.plain_port, self.server_port, self.server_direct_port = free_ports(5)

    def write_config(self):
        hosts = ", ".join(f'"{domain}=127.0.0.1:{port}"' for domain, port in self.hosts.items())
        self.extra = f"""\
log_level: debug
federation:
  enabled: true
  address: 127.0.0.1
  port: {self.server_port}
  direct_port: {self.server_direct_port}
  ca: {self.certificates.ca}
  hosts: [{hosts}]
  {self.settings}
"""
        super().write_config()


class FederatedProsody(Prosody):
    """Prosody, to which a module of ours tells where the servers are: it knows of others only what DNS says."""

    is_secure = True
    more_modules = ""

    def __init__(self, build, workers, domain, certificates):
        self.domain, self.certificates = domain, certificates
        self.hosts = {}
        self.pair = certificates.make(domain)
        super().__init__(build, workers)
        self.ca = certificates.ca

    def choose_ports(self):
        self.starttls_port, self.direct_port, self.server_port = free_ports(3)
        self.plain_port = self.starttls_port

    def write_config(self):
        for folder in ("data", "plugins"):
            os.makedirs(self.path(folder), exist_ok=True)
        with open(self.path("plugins/mod_static_hosts.lua"), "w") as out:
            out.write(STATIC_HOSTS)
        routes = ", ".join(f'["{domain}"] = {port}' for domain, port in self.hosts.items())
        proof = '"s2s_auth_certs"' if self.is_secure else '"dialback"'
        with open(self.path("prosody.cfg.lua"), "w") as out:
            out.write(f"""\
run_as_root = true
pidfile = "{self.path("prosody.pid")}"
data_path = "{self.path("data")}"
plugin_paths = {{ "{self.path("plugins")}" }}
log = {{ {{ levels = {{ min = "debug" }}, to = "console" }} }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.starttls_port} }}
c2s_direct_tls_ports = {{ {self.direct_port} }}
s2s_ports = {{ {self.server_port} }}
s2s_direct_tls_ports = {{}}
http_ports = {{}}
https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", {proof}, "disco", "ping", "presence", "message", "iq", "posix", "static_hosts"{self.more_modules} }}
modules_disabled = {{ "offline", {'"dialback"' if self.is_secure else '"s2s_auth_certs"'} }}
s2s_require_encryption = true
s2s_secure_auth = {"true" if self.is_secure else "false"}
static_hosts = {{ {routes} }}
authentication = "internal_hashed"
ssl = {{ certificate = "{self.pair[0]}", key = "{self.pair[1]}", cafile = "{self.certificates.ca}" }}
VirtualHost "{self.domain}"
""")

    def is_ready(self):
        return super().is_ready() and self.listens(self.server_port)


STATIC_HOSTS = """\
module:set_global()
local services = require "net.resolvers.service"
local manual = require "net.resolvers.manual"
local ports = module:get_option("static_hosts", {})
local by_dns = services.new
function services.new(hostname, ...)
	if ports[hostname] then
		return manual.new({ { "tcp4", "127.0.0.1", ports[hostname], {} } }, "tcp")
	end
	return by_dns(hostname, ...)
end
"""


class ServerRaw(Raw):
    """A stream of a server that connects to `server`; `pair`: the certificate it shows."""

    def __init__(self, server, domain, pair=None, tls="starttls", to=CAPULET):
        self.pair, self.domain, self.to = pair, domain, to
        super().__init__(_Ports(server), tls)

    def start_tls(self, alpn=None):
        context = ssl.create_default_context(cafile=self.server.ca)
        context.maximum_version = raw_module.MAXIMUM_VERSION
        context.check_hostname = False
        if alpn:
            context.set_alpn_protocols(["xmpp-server"])
        if self.pair:
            context.load_cert_chain(*self.pair)
        self.socket = context.wrap_socket(self.socket, server_hostname=self.to)
        self.is_tls = True

    def open(self, **fields):
        fields.setdefault("to", self.to)
        fields.setdefault("ns", NS_SERVER)
        origin = f" from='{self.domain}'" if self.domain else ""
        fields.setdefault("more", f" xmlns:db='{NS_DIALBACK}'{origin}")
        return super().open(**fields)

    def external(self, identity="="):
        """Log in by the certificate; the features after it."""
        answer = self.auth("EXTERNAL", identity)
        if answer is None or local(answer) != "success":
            raise Failure(f"EXTERNAL: {answer is not None and local(answer)}")
        return self.open()

    def dialback(self, key, origin=None, to=None):
        self.send(f"<db:result from='{origin or self.domain}' to='{to or self.to}'>{key}</db:result>")


class _Ports:
    def __init__(self, server):
        self.starttls_port, self.direct_port = server.server_port, server.server_direct_port
        self.plain_port, self.ca = server.server_port, server.ca


class ServerByHand:
    """Listens as the server of `domain`; `answers` is called with each connection, on a thread of its own. None: nobody listens."""

    def __init__(self, domain, pair, answers, ca):
        self.domain, self.pair, self.answers, self.ca = domain, pair, answers, ca
        self.failures = []
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        if answers:
            threading.Thread(target=self.serve, daemon=True).start()
        else:
            self.socket.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            self.answers(Answering(self, connection))
        except Exception as failure:  # noqa: BLE001: the test looks at them
            self.failures.append(failure)
        finally:
            connection.close()

    def close(self):
        self.socket.close()


class Answering(Raw):
    """The accepting end of a stream."""

    def __init__(self, owner, connection):
        self.owner, self.socket = owner, connection
        self.jid = self.features = None
        self.is_tls = False
        self.new_parser()

    def greet(self, features, stream_id="by-hand"):
        """Read a header, answer it."""
        self.new_parser()
        self.wait_header()
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{NS_SERVER}' xmlns:db='{NS_DIALBACK}' "
                  f"xmlns:stream='http://etherx.jabber.org/streams' id='{stream_id}' from='{self.owner.domain}' version='1.0'>"
                  f"<stream:features>{features}</stream:features>")

    def secure(self):
        self.greet(f"<starttls xmlns='{NS_TLS}'><required/></starttls>")
        asked = self.next()
        if asked is None or local(asked) != "starttls":
            raise Failure("no <starttls/>")
        self.send(f"<proceed xmlns='{NS_TLS}'/>")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = raw_module.MAXIMUM_VERSION
        context.load_cert_chain(*self.owner.pair)
        context.load_verify_locations(self.owner.ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.is_tls = True


def eventually(condition, text, deadline_s=DEADLINE_S):
    """Poll what can only be asked for."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise Failure(text)
        time.sleep(0.02)


class User(Raw):
    """A client of a server that is not localhost."""

    def __init__(self, server, account, resource="home"):
        self.domain = server.domain
        super().__init__(server, "starttls")
        self.log_in(account, resource)
        self.ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", "roster")

    def open(self, **fields):
        fields.setdefault("to", self.domain)
        return super().open(**fields)

    def start_tls(self, alpn=None):
        context = ssl.create_default_context(cafile=self.server.ca)
        context.maximum_version = raw_module.MAXIMUM_VERSION
        self.socket = context.wrap_socket(self.socket, server_hostname=self.domain)
        self.is_tls = True

    def ping(self):
        return self.ask(f"<iq type='get' to='{self.domain}' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>", "ping")

    def take(self, wanted, text, deadline_s=DEADLINE_S):
        """The next element for which `wanted` says yes."""
        end = time.monotonic() + deadline_s
        seen = []
        while (left := end - time.monotonic()) > 0:
            element = self.next(left)
            if element is None:
                break
            if wanted(element):
                return element
            seen.append((local(element), element.attrib))
        raise Failure(f"{self.jid}: no {text}; seen: {seen}")

    def message(self, body, sender):
        return self.take(lambda e: local(e) == "message" and e.findtext("{jabber:client}body") == body and e.get("from") == sender,
                         f"message from {sender}")

    def presence(self, sender, kind=None):
        return self.take(lambda e: local(e) == "presence" and e.get("from") == sender and e.get("type") == kind,
                         f"{kind or 'available'} presence of {sender}")


class Verona:
    """musterd as capulet.example, and certificates."""

    def __init__(self, bench, settings="", hosts=None, certificates=None):
        self.bench = bench
        self.certificates = certificates or Certificates(bench.server.folder)
        self.server = FederatedMusterd(bench.build, bench.server.workers, CAPULET, self.certificates, settings)
        self.server.hosts = hosts or {}
        self.opened = []

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *failure):
        for thing in self.opened:
            thing.close()
        try:
            if not failure[0]:
                code = self.server.stop()
                must(code == 0, f"exit code {code} on SIGTERM:\n{self.server.log_text()[-2000:]}")
            else:
                print(self.server.log_text()[-4000:])
        finally:
            self.server.remove()

    def connect(self, domain=MONTAGUE, pair="own", **more):
        if pair == "own":
            pair = self.certificates.make(domain)
        raw = ServerRaw(self.server, domain, pair, **more)
        self.opened.append(raw)
        return raw

    def user(self, name):
        account = (f"{name}@{CAPULET}", "pencil")
        self.server.add_user(*account)
        self.opened.append(User(self.server, account))
        return self.opened[-1]

    def external(self, **more):
        raw = self.connect(**more)
        raw.open() if raw.is_tls else raw.secure()
        must(raw.mechanisms() == ["EXTERNAL"], f"mechanisms {raw.mechanisms()}")
        raw.external()
        return raw

    def stat(self, name):
        return self.server.stat(name)

    def links(self):
        return self.server.musterctl("server", "list").stdout.splitlines()


def failed(user, request, condition):
    answer = user.take(lambda e: e.get("id") == request and e.get("type") == "error", f"error for {request}")
    names = [local(child) for error in answer if local(error) == "error" for child in error]
    must(condition in names, f"{names}, not {condition}")


def silent(raw):
    raw.next()
    raw.next()


def receiving(heard, features="", proved=lambda raw: None):
    """Lets a server in by its certificate, and keeps what it says."""
    def answers(raw):
        raw.secure()
        raw.greet(EXTERNAL_FEATURE + features)
        while (asked := raw.next()) is not None:
            if local(asked) == "auth":
                raw.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
                raw.greet("")
                proved(raw)
            else:
                heard.append(asked)
    return answers
