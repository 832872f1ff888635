# SPDX-License-Identifier: Apache-2.0
"""An XMPP stream by hand: a socket, TLS, SCRAM and an incremental parser, for saying what no real client would say."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import time
import xml.etree.ElementTree as ElementTree

from clients import DEADLINE_S, Failure

NS_STREAM = "http://etherx.jabber.org/streams"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_CLIENT = "jabber:client"


MAXIMUM_VERSION = ssl.TLSVersion.MAXIMUM_SUPPORTED


def header(to="localhost", version="1.0", ns=NS_CLIENT, ns_stream=NS_STREAM, more=""):
    return (f"<?xml version='1.0'?><stream:stream xmlns='{ns}' xmlns:stream='{ns_stream}'"
            f"{f' to={chr(39)}{to}{chr(39)}' if to else ''}{f' version={chr(39)}{version}{chr(39)}' if version else ''}{more}>")


def local(element):
    return element.tag.rpartition("}")[2]


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Raw:
    """One connection. Elements under the stream come out of next(), None is the end of the stream."""

    def __init__(self, server, tls="starttls"):
        self.server = server
        port = {"starttls": server.starttls_port, "direct": server.direct_port, "none": server.plain_port}[tls]
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.features = None
        self.jid = None
        self.is_tls = False
        self.new_parser()
        if tls == "direct":
            self.start_tls(alpn=["xmpp-client"])

    def new_parser(self):
        self.parser = ElementTree.XMLPullParser(["start", "end"])
        self.depth = 0
        self.root = None
        self.queue = []
        self.is_ended = False

    def start_tls(self, alpn=None):
        context = ssl.create_default_context(cafile=self.server.ca)
        context.maximum_version = MAXIMUM_VERSION
        if alpn:
            context.set_alpn_protocols(alpn)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.is_tls = True

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def close(self):
        self.socket.close()

    def _read(self, end):
        self.socket.settimeout(max(0.01, end - time.monotonic()))
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        except TimeoutError:
            raise Failure(f"raw {self.jid or ''}: nothing within the deadline") from None
        if not data:
            self.is_ended = True
            return
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            if event == "start":
                self.depth += 1
                if self.depth == 1:
                    self.root = element
            else:
                self.depth -= 1
                if self.depth == 1:
                    self.queue.append(element)
                if self.depth == 0:
                    self.is_ended = True

    def next(self, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while not self.queue and not self.is_ended:
            self._read(end)
        return self.queue.pop(0) if self.queue else None

    def wait_header(self):
        end = time.monotonic() + DEADLINE_S
        while self.root is None and not self.is_ended:
            self._read(end)
        return self.root

    def wait_closed(self):
        """The other side closes the connection, and not by a reset before it said what it had to say."""
        end = time.monotonic() + DEADLINE_S
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                if not self.socket.recv(65536):
                    return
            except (ConnectionResetError, ssl.SSLError):
                return
            except TimeoutError:
                raise Failure("the server did not close the connection") from None

    # The usual steps.

    def open(self, **fields):
        """Send a header, read the server's and its features."""
        self.new_parser()
        self.send(header(**fields))
        self.features = self.next()
        if self.features is None or local(self.features) != "features":
            raise Failure(f"no features but {self.features is not None and ElementTree.tostring(self.features)}")
        return self

    def secure(self):
        """Header, STARTTLS, header."""
        self.open()
        self.send(f"<starttls xmlns='{NS_TLS}'/>")
        answer = self.next()
        if answer is None or answer.tag != f"{{{NS_TLS}}}proceed":
            raise Failure("no <proceed/>")
        self.start_tls()
        return self.open()

    def mechanisms(self):
        return [m.text for m in self.features.iter(f"{{{NS_SASL}}}mechanism")]

    def auth(self, mechanism, initial):
        self.send(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{initial}</auth>")
        return self.next()

    def scram(self, jid, password, mechanism=None, tamper=lambda message: message):
        """Log in; returns the last element: success or failure. The server's signature is checked."""
        mechanism = mechanism or ("SCRAM-SHA-256" if "SCRAM-SHA-256" in self.mechanisms() else "SCRAM-SHA-1")
        hash_name = "sha256" if "256" in mechanism else "sha1"
        bound = b""
        gs2 = "n,,"
        if mechanism.endswith("-PLUS"):  # tls-server-end-point: the hash of the server's certificate (RFC 5929)
            gs2 = "p=tls-server-end-point,,"
            bound = hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()
        user = jid.split("@")[0].replace("=", "=3D").replace(",", "=2C")
        first = f"n={user},r={b64(os.urandom(18))}"
        answer = self.auth(mechanism, b64(gs2 + first))
        if answer is None or local(answer) != "challenge":
            return answer
        server_first = base64.b64decode(answer.text).decode()
        values = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        mac = lambda key, text: hmac.new(key, text if isinstance(text, bytes) else text.encode(), hash_name).digest()
        client_key = mac(salted, "Client Key")
        final = f"c={b64(gs2.encode() + bound)},r={values['r']}"
        message = f"{first},{server_first},{final}"
        signature = mac(hashlib.new(hash_name, client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.send(f"<response xmlns='{NS_SASL}'>{b64(tamper(f'{final},p={b64(proof)}'))}</response>")
        answer = self.next()
        if answer is not None and local(answer) == "success":
            wanted = "v=" + b64(mac(mac(salted, "Server Key"), message))
            if base64.b64decode(answer.text).decode() != wanted:
                raise Failure("the server's signature is wrong")
        return answer

    def bind(self, resource=None):
        inner = f"<resource>{resource}</resource>" if resource else ""
        reply = self.ask(f"<iq type='set' id='bind'><bind xmlns='{NS_BIND}'>{inner}</bind></iq>", "bind")
        if reply.get("type") == "result":
            self.jid = reply.findtext(f".//{{{NS_BIND}}}jid")
        return reply

    def log_in(self, account, resource=None, mechanism=None):
        """From a fresh connection to a bound resource."""
        if self.is_tls or self.socket.getpeername()[1] == self.server.plain_port and self.server.is_musterd:
            self.open()
        else:
            self.secure()
        answer = self.scram(*account, mechanism=mechanism)
        if answer is None or local(answer) != "success":
            raise Failure(f"log-in of {account[0]}: {answer is not None and ElementTree.tostring(answer)}")
        self.open()
        if self.bind(resource).get("type") != "result":
            raise Failure("bind failed")
        return self

    def ask(self, text, request):
        """Send an IQ and take its reply; what comes before it stays in the queue."""
        self.send(text)
        self.passed = passed = []
        while True:
            element = self.next()
            if element is None:
                raise Failure(f"the stream ended before the answer to {request}")
            if local(element) == "iq" and element.get("id") == request and element.get("type") in ("result", "error"):
                self.queue = passed + self.queue
                return element
            passed.append(element)

    def ping(self):
        """A round trip: proves that the stream lives, and that what was sent before has been handled."""
        request = f"p{os.urandom(4).hex()}"
        return self.ask(f"<iq type='get' to='localhost' id='{request}'><ping xmlns='urn:xmpp:ping'/></iq>", request)

    def expect_stream_error(self, *conditions):
        """One of `conditions`, then the end of the stream and of the connection."""
        while True:
            element = self.next()
            if element is None:
                raise Failure(f"the stream ended without <stream:error/>, wanted {conditions}")
            if element.tag == f"{{{NS_STREAM}}}error":
                break
        found = [local(child) for child in element if child.tag.startswith(f"{{{NS_ERRORS}}}") and local(child) != "text"]
        if len(found) != 1 or found[0] not in conditions:
            raise Failure(f"stream error {found}, wanted {conditions}")
        while self.next() is not None:
            pass
        self.wait_closed()

    def expect_sasl_failure(self, answer, *conditions):
        if answer is None or answer.tag != f"{{{NS_SASL}}}failure":
            raise Failure(f"no SASL failure but {answer is not None and ElementTree.tostring(answer)}")
        if local(answer[0]) not in conditions:
            raise Failure(f"SASL failure {local(answer[0])}, wanted {conditions}")

    @staticmethod
    def condition(stanza):
        """The condition of a stanza of type error."""
        error = next((child for child in stanza if local(child) == "error"), None)
        return None if error is None else next(
            (local(child) for child in error if child.tag.startswith(f"{{{NS_STANZAS}}}") and local(child) != "text"), None)
