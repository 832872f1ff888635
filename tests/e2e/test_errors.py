# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind gets the RFC's answer, and nobody else notices.

Each test runs beside a watched pair of sessions: before and after the bad input they exchange a presence and a message.
"""
import base64
import os
import socket
import time
import xml.etree.ElementTree as ElementTree

from clients import Failure
from raw import NS_SASL, NS_STREAM, NS_TLS, Raw, header, local

CARDINAL = "<message to='localhost'><body>"  # the start of a stanza for tests that break it


class Witnesses:
    """Two friends who must not notice anything."""

    def __init__(self, bench):
        accounts = [bench.account("witness"), bench.account("witness")]
        self.pair = []
        for account in accounts:
            session = bench.on_close(Raw(bench.server).log_in(account))
            self.pair.append(session)
        one, two = self.pair
        for session in self.pair:
            session.ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "r")
            session.send("<presence/>")
        two.ping()
        one.send(f"<presence type='subscribe' to='{two.jid.split('/')[0]}'/>")
        self.take(two, "presence", type="subscribe")
        two.send(f"<presence type='subscribed' to='{one.jid.split('/')[0]}'/>")
        self.take(one, "presence", type="subscribed")
        self.check("before")

    @staticmethod
    def take(session, name, **wanted):
        while True:
            element = session.next()
            if element is None:
                raise Failure(f"the witness {session.jid} lost its stream")
            if local(element) == "iq" and element.get("type") == "set":
                session.send(f"<iq type='result' id='{element.get('id')}'/>")
            if local(element) == name and all(element.get(key) == value for key, value in wanted.items()):
                return element

    def check(self, when):
        one, two = self.pair
        two.send(f"<presence><status>{when}</status></presence>")
        while "".join(self.take(one, "presence", **{"from": two.jid}).itertext()) != when:
            pass
        one.send(f"<message to='{two.jid}'><body>{when}</body></message>")
        while "".join(self.take(two, "message", **{"from": one.jid}).itertext()) != when:
            pass


def before_login(send, *conditions, tls="starttls"):
    """`send` is said right after connecting; then the stream error, after a stream header."""
    def test(bench):
        raw = bench.on_close(Raw(bench.server, tls))
        raw.send(send)
        raw.expect_stream_error(*conditions)
        if raw.root is None or raw.root.tag != f"{{{NS_STREAM}}}stream":
            raise Failure("the error came without a stream header before it (RFC 6120 s. 4.9.1.2)")
    return test


def after_header(send, *conditions):
    def test(bench):
        raw = bench.on_close(Raw(bench.server)).open()
        raw.send(send)
        raw.expect_stream_error(*conditions)
    return test


def after_bind(send, *conditions):
    """The same on a session that is logged in. `send` may be a function of the session."""
    def test(bench):
        raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
        raw.send(send(raw) if callable(send) else send)
        raw.expect_stream_error(*conditions)
    return test


def stanza_error(send, condition):
    """A stanza error, and the stream lives on."""
    def test(bench):
        raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
        reply = raw.ask(send, "e")
        if reply.get("type") != "error" or raw.condition(reply) != condition:
            raise Failure(f"answered {reply.attrib} {raw.condition(reply)}, wanted {condition}")
        raw.ping()
    return test


# ---- stream negotiation ----

def response_header(bench):
    """id, from, version; the id differs each time (RFC 6120 s. 4.7)."""
    ids = set()
    for _ in range(8):
        raw = bench.on_close(Raw(bench.server)).open()
        for key, wanted in (("from", "localhost"), ("version", "1.0")):
            if raw.root.get(key) != wanted:
                raise Failure(f"the response header has {raw.root.attrib}")
        ids.add(raw.root.get("id"))
        if raw.features.find(f"{{{NS_TLS}}}starttls") is None:
            raise Failure("STARTTLS is not offered")
        if bench.server.is_musterd and raw.mechanisms():
            raise Failure("SASL is offered before TLS")
    if len(ids) != 8 or any(len(i or "") < 8 for i in ids):
        raise Failure(f"stream ids {ids}")


def from_another(bench):
    """Who has logged in says so, or nothing, in its next header (RFC 6120 s. 4.9.3.9)."""
    one, two = bench.account(), bench.account()
    for who, more, is_good in ((one, f" from='{two[0]}'", False), (one, f" from='{one[0]}/r'", True), (one, "", True)):
        raw = bench.on_close(Raw(bench.server)).secure()
        raw.scram(*who)
        if is_good:
            raw.open(more=more)
        else:
            raw.new_parser()
            raw.send(header(more=more))
            raw.expect_stream_error("invalid-from")


def restarts(bench):
    """After TLS and after SASL a new stream: another id, `to` for who says `from`, what may come next, and no white space (s. 4.3, 4.7)."""
    account = bench.account()
    raw = bench.on_close(Raw(bench.server))
    ids, offered = [], []
    steps = (lambda: raw.open(), lambda: [raw.send(f"<starttls xmlns='{NS_TLS}'/>"), raw.next(), raw.start_tls(), raw.open()],
             lambda: [raw.scram(*account), raw.open(more=f" from='{account[0]}'")])
    for step in steps:
        step()
        ids.append(raw.root.get("id"))
        offered.append({local(feature) for feature in raw.features})
        if any((element.tail or "") for element in raw.root) or raw.root.text:
            raise Failure("there is white space between the elements of the negotiation")
    if len(set(ids)) != 3 or not all(ids):
        raise Failure(f"stream ids {ids}")
    if raw.root.get("to") != account[0]:
        raise Failure(f"the header is to {raw.root.get('to')}")
    plain, secured, authenticated = offered
    if plain - {"limits"} != {"starttls"} or not secured >= {"mechanisms"} or secured & {"starttls", "bind"} or "bind" not in authenticated:
        raise Failure(f"features {offered}")
    if authenticated & {"starttls", "mechanisms", "authentication"}:
        raise Failure(f"features after the log-in {authenticated}")


def starttls_is_required(bench):
    raw = bench.on_close(Raw(bench.server)).open()
    if raw.features.find(f"{{{NS_TLS}}}starttls/{{{NS_TLS}}}required") is None:
        raise Failure("TLS is not marked as required")


def one_byte_at_a_time(bench):
    raw = bench.on_close(Raw(bench.server, "direct"))
    account = bench.account()
    send = raw.send
    raw.send = lambda text: [send(bytes([byte])) for byte in (text if isinstance(text, bytes) else text.encode())]
    raw.log_in(account, "byte-é")
    if not raw.jid.endswith("/byte-é"):
        raise Failure(f"bound as {raw.jid}")
    raw.send("<presence><status>\U0001f600 &amp; &#x20AC;</status></presence>")
    element = raw.next()
    while local(element) != "presence":
        element = raw.next()
    if "".join(element.itertext()) != "\U0001f600 & \u20ac":
        raise Failure("the text came back changed")
    raw.ping()


def keep_alive(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    for blanks in (" ", "\n", "\r\n\t ", " " * 3000):
        raw.send(blanks)
        raw.ping()


def close_handshake(bench):
    """</stream:stream> is answered in kind, then the connection ends (s. 4.4)."""
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    raw.send("</stream:stream>")
    if raw.next() is not None or raw.depth != 0:
        raise Failure("</stream:stream> was not answered")
    raw.wait_closed()


def starttls_injection(bench):
    """What is sent in the clear behind <starttls/> must be gone after the handshake (s. 5.4.3.3)."""
    raw = bench.on_close(Raw(bench.server)).open()
    raw.send(f"<starttls xmlns='{NS_TLS}'/>" + header() + f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-1'>biws</auth>")
    answer = raw.next()
    if answer is None or local(answer) != "proceed":
        raise Failure("no <proceed/>")
    try:
        raw.start_tls()
    except OSError:
        return  # taken for the first TLS record and refused: discarded as well
    raw.new_parser()
    raw.socket.settimeout(0.5)
    try:
        if raw.socket.recv(1):
            raise Failure("the injected header was answered inside TLS")
    except TimeoutError:
        pass
    raw.socket.settimeout(None)
    raw.open()
    if not raw.mechanisms():
        raise Failure("no SASL after TLS")


def starttls_twice(bench):
    raw = bench.on_close(Raw(bench.server)).secure()
    if raw.features.find(f"{{{NS_TLS}}}starttls") is not None:
        raise Failure("STARTTLS is offered inside TLS")
    raw.send(f"<starttls xmlns='{NS_TLS}'/>")
    answer = raw.next()
    if answer is not None and local(answer) == "proceed":
        raise Failure("STARTTLS inside TLS was accepted")


# ---- SASL ----

def sasl_failure(step, *conditions):
    """The failure leaves the stream open, and a proper log-in succeeds on it (s. 6.4.5)."""
    def test(bench):
        account = bench.account()
        raw = bench.on_close(Raw(bench.server)).secure()
        raw.expect_sasl_failure(step(raw, account), *conditions)
        answer = raw.scram(*account)
        if answer is None or local(answer) != "success":
            raise Failure("no second try on the same stream")
    return test


def abort(raw, account):
    answer = raw.auth("SCRAM-SHA-256", "biwsbj1hLHI9YWJjZGVmZ2g=")  # n,,n=a,r=abcdefgh
    if local(answer) != "challenge":
        raise Failure("no challenge")
    raw.send(f"<abort xmlns='{NS_SASL}'/>")
    return raw.next()


def two_scrams(raw, account):
    """A first message twice: the second is not the response that is due."""
    raw.auth("SCRAM-SHA-256", "biwsbj1hLHI9YWJjZGVmZ2g=")
    raw.send(f"<response xmlns='{NS_SASL}'>biwsbj1hLHI9YWJjZGVmZ2g=</response>")
    return raw.next()


def mechanisms(bench):
    """Each mechanism offered logs in; PLAIN is not offered."""
    raw = bench.on_close(Raw(bench.server)).secure()
    offered = raw.mechanisms()
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
        if mechanism not in offered:
            raise Failure(f"{mechanism} is not among {offered}")
        account = bench.account("Mechanism")
        bench.on_close(Raw(bench.server)).log_in(account, mechanism=mechanism)
        bench.on_close(Raw(bench.server, "direct")).log_in(account, mechanism=mechanism)
    if "PLAIN" in offered:
        raise Failure("PLAIN is offered without being asked for")


def unknown_user_looks_alike(bench):
    """An unknown user gets the same challenge each time and the same failure as a wrong password (s. 13.11)."""
    salts = set()
    for _ in range(2):
        raw = bench.on_close(Raw(bench.server)).secure()
        answer = raw.auth("SCRAM-SHA-256", "biwsbj1ub2JvZHktaGVyZSxyPWFiY2RlZmdo")  # n=nobody-here
        if local(answer) != "challenge":
            raise Failure("an unknown user gets no challenge")
        values = base64.b64decode(answer.text).decode().split(",")
        salts.add(tuple(values[1:]))
        raw.send(f"<abort xmlns='{NS_SASL}'/>")
        raw.next()
        raw.expect_sasl_failure(raw.scram("nobody-here@localhost", "x"), "not-authorized")
    if len(salts) != 1:
        raise Failure(f"salt and iterations of an unknown user change: {salts}")


# ---- bind ----

def bind_conflict(bench):
    """The same resource again: the newer session wins, the older one is told (s. 7.7.2.2)."""
    account = bench.account()
    first = bench.on_close(Raw(bench.server, "direct")).log_in(account, "desk")
    second = bench.on_close(Raw(bench.server)).log_in(account, "desk")
    if second.jid != first.jid:
        raise Failure(f"bound as {second.jid}")
    first.expect_stream_error("conflict")
    second.ping()


def bind_random(bench):
    account = bench.account()
    jids = {bench.on_close(Raw(bench.server, "direct")).log_in(account).jid for _ in range(4)}
    if len(jids) != 4 or any("/" not in jid for jid in jids):
        raise Failure(f"resources chosen: {jids}")


def bind_twice(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    reply = raw.bind("again")
    if reply.get("type") != "error":
        raise Failure("a second bind on one stream was accepted")
    raw.ping()


def bind_bad_resource(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.scram(*bench.account())
    raw.open()
    reply = raw.bind("x" * 1024)
    if reply.get("type") != "error" or raw.condition(reply) != "bad-request":
        raise Failure(f"a resource of 1024 octets was answered {reply.attrib} {raw.condition(reply)}")
    if raw.bind("good").get("type") != "result":
        raise Failure("no second try")


def stanza_before_bind(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.scram(*bench.account())
    raw.open()
    raw.send("<presence/>")
    raw.expect_stream_error("not-authorized")


# ---- delivery ----

def from_is_stamped(bench):
    """The sender's JID is the server's to write: absent, bare or full, what arrives has the full one (s. 8.1.2.1)."""
    one = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    two = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    for attribute in ("", f" from='{one.jid}'", f" from='{one.jid.split('/')[0]}'"):
        one.send(f"<message to='{two.jid}'{attribute}><body>x</body><extra xmlns='urn:example:x' a='1'><b/></extra></message>")
        element = two.next()
        if element.get("from") != one.jid:
            raise Failure(f"from='{element.get('from')}' for {attribute!r}")
        if element.find("{urn:example:x}extra/{urn:example:x}b") is None:
            raise Failure("an unknown child was not delivered")


def no_network_address(bench):
    """Whatever is asked, no answer has another client's network address (s. 13.10.1)."""
    one = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    two = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    sessions, said = (one, two), []
    two.send(f"<presence/><presence to='{one.jid}'/><presence type='subscribe' to='{one.jid.split('/')[0]}'/><message to='{one.jid}'/>")
    two.ping()
    one.send("<presence/>")
    for address in (two.jid, two.jid.split("/")[0], "localhost"):
        for namespace in ("http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "jabber:iq:last",
                          "jabber:iq:version"):
            one.send(f"<iq type='get' id='{namespace}' to='{address}'><query xmlns='{namespace}'/></iq>")
    two.ping()
    one.ping()
    for session in sessions:
        said += session.passed + session.queue
    text = "".join(ElementTree.tostring(element, encoding="unicode") for element in said)
    hosts = {session.socket.getsockname()[0] for session in sessions}
    ports = {f":{session.socket.getsockname()[1]}" for session in sessions}
    if len(said) < 10 or any(part in text for part in hosts | ports):
        raise Failure(f"{len(said)} stanzas, among them a network address: {text}")


def large_stanzas_pass(bench):
    """RFC 6120 s. 13.12: at least 10000 octets; ours pass up to the limit."""
    one = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    for size in (9000, 60000, 200000):
        one.send(f"<message to='{one.jid}'><body>{'x' * size}</body></message>")
        element = one.next()
        if len("".join(element.itertext())) != size:
            raise Failure(f"{size} octets did not arrive whole")


def deep_or_wide(send):
    return after_bind(send, "policy-violation")


def killed_socket_ends_session(bench):
    """A reset connection: its contacts and its other resources see it leave."""
    account = bench.account()
    one = bench.on_close(Raw(bench.server, "direct")).log_in(account, "one")
    two = bench.on_close(Raw(bench.server, "direct")).log_in(account, "two")
    one.send("<presence/>")
    one.ping()
    two.send("<presence/>")
    Witnesses.take(one, "presence", **{"from": two.jid})
    two.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    two.close()  # RST
    Witnesses.take(one, "presence", **{"from": two.jid, "type": "unavailable"})


def garbage_for_tls(bench):
    """Bytes that are no TLS on the direct port end that connection only."""
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 600, os.urandom(2000), b"\x16"):
        with socket.create_connection(("127.0.0.1", bench.server.direct_port), timeout=20) as plain:
            try:
                plain.sendall(noise)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
            except TimeoutError:
                raise Failure(f"the server holds on to a connection that said {noise[:10]!r} and closed") from None
            except OSError:
                pass  # reset: ended as well


def cut_everywhere(bench):
    """Connections cut at each step of a log-in leave nothing behind."""
    account = bench.account()
    steps = (lambda raw: None, lambda raw: raw.send("<?xml vers"), lambda raw: raw.send(header()),
             lambda raw: raw.open().send(f"<starttls xmlns='{NS_TLS}'/>"),
             lambda raw: raw.secure(), lambda raw: raw.secure().auth("SCRAM-SHA-256", "biwsbj1hLHI9YWJjZGVmZ2g="),
             lambda raw: raw.secure().scram(*account), lambda raw: raw.log_in(account, "cut"),
             lambda raw: raw.log_in(account, "cut").send("<presence/><presence"),)
    for step in steps:
        raw = Raw(bench.server)
        step(raw)
        raw.close()
    again = bench.on_close(Raw(bench.server)).log_in(account, "cut")
    again.ping()
    if bench.server.is_musterd:
        deadline = time.monotonic() + 20
        while (count := bench.server.musterctl("session", "list").stdout.count(account[0] + "/")) != 1:
            if time.monotonic() > deadline:
                raise Failure(f"{count} sessions of the account, one is connected")
            time.sleep(0.02)


NAMED_CASES = (
    ("response header", response_header),
    ("split: one byte at a time", one_byte_at_a_time),
    ("white-space keep-alive", keep_alive),
    ("close handshake", close_handshake),
    ("bind: resource chosen by the server", bind_random),
    ("bind: conflict", bind_conflict),
    ("from is stamped, unknown children pass", from_is_stamped),
    ("size: large stanzas pass", large_stanzas_pass),
    ("cut: a reset connection ends its session", killed_socket_ends_session),
    ("cut: a log-in cut at each step", cut_everywhere),
    ("tls: garbage on the direct port", garbage_for_tls),
    ("header: unknown host", before_login(header(to="example.org"), "host-unknown")),
    ("header: wrong stream namespace", before_login(header(ns_stream="urn:example:s"), "invalid-namespace")),
    ("header: not well-formed", before_login("<stream:stream xmlns='jabber:client' <", "not-well-formed")),
    ("header: no XML at all", before_login("EHLO localhost\r\n\r\n", "not-well-formed", "invalid-xml", "bad-format")),
    ("xml: not well-formed", after_bind(f"{CARDINAL}</message></body>", "not-well-formed")),
    ("xml: unbound prefix", after_bind("<message><x:y/></message>", "not-well-formed", "bad-namespace-prefix")),
    ("xml: attribute twice", after_bind("<message id='1' id='2'/>", "not-well-formed")),
    ("xml: bad UTF-8", after_bind(f"{CARDINAL}".encode() + b"\xc3\x28</body></message>", "not-well-formed",
                                  "unsupported-encoding", "invalid-xml", "bad-format")),
)

# Where the reference is laxer than the RFC, or where the answer is a decision of ours.
MUSTERD_CASES = (
    ("starttls: it is required", starttls_is_required),
    ("restart: a new id, other features, nothing kept", restarts),
    ("header: from somebody else after the log-in", from_another),
    ("starttls: injected commands are discarded", starttls_injection),
    ("privacy: nobody is told where somebody comes from", no_network_address),
    ("xml: comment before log-in", after_header("<!-- hello -->", "restricted-xml")),
    ("xml: comment", after_bind("<!-- hello -->", "restricted-xml")),
    ("xml: comment in a stanza", after_bind(f"{CARDINAL}<!-- x --></body></message>", "restricted-xml")),
    ("xml: processing instruction", after_bind("<?php echo 1 ?>", "restricted-xml")),
    ("stanza before log-in", after_header("<message to='a@localhost'><body>x</body></message>", "not-authorized")),
    ("header: wrong content namespace", before_login(header(ns="jabber:server"), "invalid-namespace")),
    ("header: no version", before_login(header(version=None), "unsupported-version")),
    ("header: restricted before the header", before_login("<!DOCTYPE x>" + header(), "restricted-xml")),
    ("xml: DTD in the stream", after_bind("<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml")),
    ("xml: entity", after_bind(f"{CARDINAL}&nbsp;</body></message>", "restricted-xml")),
    ("xml: CDATA passes, ]]> does not", after_bind(f"{CARDINAL}<![CDATA[<ok>]]>]]></body></message>", "not-well-formed")),
    ("xml: control character", after_bind(f"{CARDINAL}\x01</body></message>", "not-well-formed", "invalid-xml")),
    ("xml: NUL", after_bind(b"\0", "not-well-formed", "invalid-xml")),
    ("xml: character reference to NUL", after_bind(f"{CARDINAL}&#0;</body></message>", "not-well-formed", "invalid-xml")),
    ("xml: second XML declaration", after_bind("<?xml version='1.0'?>", "restricted-xml", "not-well-formed")),
    ("xml: text between stanzas", after_bind("hello", "not-well-formed", "bad-format", "invalid-xml")),
    ("size: stanza too large", after_bind(f"{CARDINAL}{'x' * 300000}</body></message>", "policy-violation")),
    ("size: too large before log-in", after_header(f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{'A' * 20000}</auth>",
                                                   "policy-violation")),
    ("size: endless tag before log-in", after_header("<a" + "a" * 20000, "policy-violation")),
    ("size: endless header", before_login("<stream:stream " + "a" * 20000, "policy-violation", "not-well-formed")),
    ("depth: too deep", deep_or_wide("<message>" + "<a>" * 2000)),
    ("width: too many attributes", deep_or_wide("<message " + " ".join(f"a{i}='1'" for i in range(2000)) + "/>")),
    ("from: another account", after_bind("<message from='other@localhost' to='localhost'/>", "invalid-from")),
    ("from: another resource", after_bind(lambda raw: f"<presence from='{raw.jid.split('/')[0]}/other'/>", "invalid-from")),
    ("from: not a JID", after_bind("<presence from='@@'/>", "invalid-from")),
    ("unknown element under the stream", after_bind("<hello xmlns='jabber:client'/>", "unsupported-stanza-type")),
    ("element of a foreign namespace", after_bind("<message xmlns='jabber:server'/>", "unsupported-stanza-type",
                                                  "invalid-namespace")),
    ("unknown element before log-in", after_header("<hello/>", "unsupported-stanza-type", "not-authorized")),
    ("stanza before bind", stanza_before_bind),
    ("starttls: inside TLS", starttls_twice),
    ("sasl: every mechanism, none in plain", mechanisms),
    ("sasl: unknown users look alike", unknown_user_looks_alike),
    ("sasl: unknown mechanism", sasl_failure(lambda raw, _: raw.auth("EXAMPLE-1", ""), "invalid-mechanism")),
    ("sasl: PLAIN is not offered", sasl_failure(lambda raw, _: raw.auth("PLAIN", "AGEAYg=="), "invalid-mechanism")),
    ("sasl: bad base64", sasl_failure(lambda raw, _: raw.auth("SCRAM-SHA-256", "n,,n=%%%"), "incorrect-encoding")),
    ("sasl: malformed first message", sasl_failure(lambda raw, _: raw.auth("SCRAM-SHA-256", "aGVsbG8="),
                                                   "malformed-request", "not-authorized")),
    ("sasl: abort", sasl_failure(abort, "aborted")),
    ("sasl: response out of turn", sasl_failure(two_scrams, "not-authorized", "malformed-request")),
    ("sasl: wrong password", sasl_failure(lambda raw, account: raw.scram(account[0], "wrong"), "not-authorized")),
    ("sasl: tampered nonce", sasl_failure(
        lambda raw, account: raw.scram(*account, tamper=lambda text: text.replace(",r=", ",r=x", 1)),
        "not-authorized", "malformed-request")),
    ("sasl: another user's authorization", sasl_failure(
        lambda raw, _: raw.auth("SCRAM-SHA-256", "bixhPWJvYkBsb2NhbGhvc3Qsbj1hLHI9YWJjZGVmZ2g="),  # n,a=bob@localhost,n=a
        "invalid-authzid", "not-authorized", "malformed-request")),
    ("bind: too long a resource", bind_bad_resource),
    ("bind: twice", bind_twice),
    ("iq: unknown payload", stanza_error("<iq type='get' id='e'><x xmlns='urn:example:x'/></iq>", "service-unavailable")),
    ("iq: no child", stanza_error("<iq type='get' id='e' to='localhost'/>", "bad-request")),
    ("iq: bad type", stanza_error("<iq type='put' id='e'><x xmlns='urn:example:x'/></iq>", "bad-request")),
    ("iq: malformed to", stanza_error("<iq type='get' id='e' to='@localhost'><x xmlns='urn:example:x'/></iq>", "jid-malformed")),
    ("roster: two items in a set", stanza_error(
        "<iq type='set' id='e'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/></query></iq>", "bad-request")),
)


def beside_witnesses(test):
    def run(bench):
        witnesses = getattr(bench, "witnesses", None)
        if witnesses is None or witnesses[1] is not bench.server.process:
            # Not closed with the test: they live through all of them.
            opened, bench.opened = bench.opened, []
            witnesses = bench.witnesses = (Witnesses(bench), bench.server.process)
            bench.lasting, bench.opened = bench.opened, opened
        test(bench)
        try:
            witnesses[0].check(os.urandom(4).hex())
        except Failure:
            bench.witnesses = None
            raise
    return run


def witnesses_leave(bench):
    for session in getattr(bench, "lasting", []):
        session.send("</stream:stream>")
        session.close()
    bench.witnesses, bench.lasting = None, []


def tests(server):
    for name, test in NAMED_CASES + (MUSTERD_CASES if server.is_musterd else ()):
        yield f"errors: {name}", beside_witnesses(test)
