# SPDX-License-Identifier: Apache-2.0
"""A client that means harm: floods, excess, glued and split bytes, forged addresses, steps out of turn, abuse of log-in and TLS. Whatever
becomes of it, every other session goes on as if it were alone, and the memory that it took comes back."""
import os
import socket
import ssl
import time

from clients import DEADLINE_S, Failure, Missing, must
from raw import NS_BIND, NS_SASL, NS_STREAM, NS_TLS, Raw, b64, header, local
from test_errors import after_bind, after_header, beside_witnesses, sasl_failure, stanza_error

STANZA_BYTES_MAX = 262144  # limits.stanza_bytes by default
# What more rounds of everything here may leave allocated. Each makes accounts, and the database's page cache may take so much by itself.
GROWTH_KIB_MAX = 2048
ROUNDS = 3
EMULATED_DEADLINE_S = 60  # who allows more has an emulated processor


def session(bench, resource=None, account=None):
    return bench.on_close(Raw(bench.server, "direct").log_in(account or bench.account("hostile"), resource))


def until_end(raw):
    """Read to the end of the stream; the stream error's condition, or None."""
    found = None
    while (element := raw.next()) is not None:
        if element.tag == f"{{{NS_STREAM}}}error":
            found = local(element[0])
    return found


def throw(raw, data):
    """Send what the server may refuse half-way."""
    try:
        raw.send(data)
    except (ConnectionError, ssl.SSLError):
        pass


def is_refused(send, *conditions):
    """On a session of its own: the stream ends, with one of `conditions` where the peer still gets to read it."""
    def test(bench):
        raw = session(bench)
        throw(raw, send)
        try:
            found = until_end(raw)
        except (ConnectionError, ssl.SSLError):
            return  # reset with our bytes unread: the error was lost on the way
        must(found in conditions, f"the stream ended with {found}, wanted {conditions}")
    return test


# ---- bytes ----

def split_at_random(bench):
    """A dialogue in pieces whose borders fall anywhere: in a name, a character, a reference, a record."""
    raw = session(bench)
    text = ("<presence><status>gr\u00fc\u00df &amp; &#x1F600; <![CDATA[<&>]]></status></presence>"
            f"<message to='{raw.jid}' id='x'><body a=\"'\">\U0001f600\u20ac</body></message> \n").encode()
    for _ in range(40):
        at = 0
        while at < len(text):
            step = 1 + os.urandom(1)[0] % 9
            raw.send(text[at:at + step])
            at += step
        while local(element := raw.next()) != "message":
            pass
        must("".join(element.itertext()) == "\U0001f600\u20ac", "the text came back changed")


def glued(bench):
    """A thousand stanzas, keep-alives between them, and the end of the stream, in one write: all are answered."""
    raw = session(bench)
    count = 1000
    raw.send("".join(f"<iq type='get' to='localhost' id='g{n}'><ping xmlns='urn:xmpp:ping'/></iq> \n" for n in range(count))
             + "</stream:stream>")
    seen = [element.get("id") for element in iter(raw.next, None)]
    must(seen == [f"g{n}" for n in range(count)], f"{len(seen)} answers, the last ones {seen[-3:]}")
    raw.wait_closed()


def glued_login(bench):
    """What a client may say ahead after SASL (header, bind, presence, a ping) comes in one piece."""
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.scram(*bench.account("hostile"))
    raw.new_parser()
    raw.send(header() + f"<iq type='set' id='b'><bind xmlns='{NS_BIND}'/></iq><presence/>"
             "<iq type='get' to='localhost' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    while (element := raw.next()) is not None and element.get("id") != "p":
        pass
    must(element is not None, "the stream ended")


def half_a_stanza(bench):
    """Cut within a stanza of the largest size: nothing of it is routed."""
    watcher = session(bench)
    raw = session(bench)
    raw.send(f"<message to='{watcher.jid}'><body>" + "x" * (STANZA_BYTES_MAX - 1000))
    raw.close()
    watcher.ping()
    must(not watcher.queue, f"the watcher got {watcher.queue}")


def children_flat(bench):
    """As many children as fit into a stanza are only many."""
    raw = session(bench)
    raw.send(f"<message to='{raw.jid}'>" + "<a/>" * 60000 + "</message>")
    must(len(raw.next()) == 60000, "some children are missing")


# ---- floods ----

def flood(bench, text, count, raw=None):
    """Say it `count` times without reading, then read everything; the stream lives."""
    raw = raw or session(bench)
    raw.socket.setblocking(True)
    for _ in range(count // 100):
        raw.send(text * 100)
    raw.ping()
    return raw


def flood_keepalives(bench):
    flood(bench, " " * 1000, 2000)


def flood_presence(bench):
    flood(bench, "<presence><show>away</show></presence><presence/>", 2000)


def flood_messages_to_nobody(bench):
    flood(bench, "<message to='nobody-at-all@localhost' type='headline'><body>x</body></message>", 3000)


def flood_unknown_queries(bench):
    raw = flood(bench, "<iq type='get' id='f'><x xmlns='urn:example:x'/></iq>", 1000)
    must(sum(element.get("id") == "f" for element in raw.passed + raw.queue) >= 1000, "some queries were not answered")


def flood_answers_unread(bench):
    """Asks for its roster and never reads: it is held up or cut, and nobody else is."""
    raw = session(bench)
    raw.socket.settimeout(1)
    query = f"<iq type='get' id='{'q' * 2000}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>".encode()
    try:
        for _ in range(12000):
            raw.send(query)
    except (OSError, ssl.SSLError):
        pass  # held back (a time-out here), or cut


def flood_subscriptions(bench):
    """Requests from one account to very many, and from many to one: limited, and the victim can still log in."""
    raw = session(bench)
    raw.send("".join(f"<presence type='subscribe' to='nobody{n}@localhost'/>" for n in range(500)))
    raw.ping()


def flood_roster_sets(bench):
    raw = session(bench)
    raw.send("".join(f"<iq type='set' id='s{n}'><query xmlns='jabber:iq:roster'><item jid='c{n % 50}@localhost' name='{n}'/></query></iq>"
                     for n in range(500)))
    for n in range(500):
        while (element := raw.next()) is not None and element.get("id") != f"s{n}":
            pass
        must(element is not None and element.get("type") == "result", f"roster set {n} failed")


def flood_directed(bench):
    """Directed presence to more addresses than the limit: the surplus is refused, the session goes on."""
    raw = session(bench)
    raw.send("".join(f"<presence to='stranger{n}@localhost'/>" for n in range(1200)))
    raw.ping()


def flood_connections(bench):
    """Connections that say nothing, or half a header, or half a handshake."""
    crowd = []
    for n in range(150):
        one = socket.create_connection(("127.0.0.1", (bench.server.starttls_port, bench.server.direct_port)[n % 2]), timeout=DEADLINE_S)
        crowd.append(one)
        one.sendall((b"", b"\x16\x03\x01\x02\x00", header().encode()[:50 + n % 50])[n % 3])
    session(bench).ping()
    for one in crowd:
        one.close()


def flood_logins(bench):
    """The same resource logs in again and again, each time pushing out the one before."""
    account = bench.account("hostile")
    last = None
    for _ in range(20):
        last = session(bench, "same", account)
    last.ping()


def flood_failures(bench):
    """Passwords are not to be tried without end on one connection."""
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    account = bench.account("hostile")
    for tries in range(1, 200):
        answer = raw.scram(account[0], f"guess {tries}")
        if answer is None or local(answer) == "error":
            break
        raw.expect_sasl_failure(answer, "not-authorized", "temporary-auth-failure")
    must(tries < 100, "two hundred guesses on one connection")
    session(bench, account=account).ping()


# ---- addresses ----

def forged(stanza):
    return after_bind(stanza, "invalid-from")


def forged_push(bench):
    """What looks like a roster push from another client's hand is not from the server, and says so."""
    victim, raw = session(bench), session(bench)
    raw.send(f"<iq type='set' id='push' to='{victim.jid}'><query xmlns='jabber:iq:roster'><item jid='evil@localhost'/></query></iq>")
    raw.ping()
    victim.ping()
    for element in victim.passed + victim.queue:
        must(element.get("from") == raw.jid, f"it arrived from {element.get('from')}")


def subscription_from_another(bench):
    """`from` of a subscription stanza is the sender's account whatever it writes."""
    victim, raw = session(bench), session(bench)
    victim.send("<presence/>")
    victim.ping()
    victim.queue.clear()
    raw.send(f"<presence type='subscribe' to='{victim.jid.split('/')[0]}' from='{raw.jid}'/>")
    element = victim.next()
    must(element.get("from") == raw.jid.split("/")[0], f"from {element.get('from')}")


def remote_domain(bench):
    raw = session(bench)
    for kind in ("message", "iq"):
        inner = "<x xmlns='y'/>" if kind == "iq" else "<body>x</body>"
        reply = raw.ask(f"<iq type='get' id='r' to='a@example.org'>{inner}</iq>", "r") if kind == "iq" else None
        if reply is None:
            raw.send("<message id='r' to='a@example.org'><body>x</body></message>")
            reply = raw.next()
        must(raw.condition(reply) == "remote-server-not-found", f"answered {raw.condition(reply)}")


# ---- steps out of turn ----

def early(send, *conditions):
    """After the header, before TLS."""
    return after_header(send, *conditions)


def before_bind(send, *conditions):
    def test(bench):
        raw = bench.on_close(Raw(bench.server, "direct")).open()
        raw.scram(*bench.account("hostile"))
        raw.open()
        raw.send(send)
        raw.expect_stream_error(*conditions)
    return test


def auth_in_the_clear(bench):
    """Where TLS is required SASL does not begin without it, PLAIN least of all."""
    account = bench.account("hostile")
    raw = bench.on_close(Raw(bench.server)).open()
    raw.send(f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{b64(chr(0) + account[0].split('@')[0] + chr(0) + account[1])}</auth>")
    answer = raw.next()
    must(answer is not None and local(answer) in ("failure", "error"), "the server listens to a password in the clear")


def second_header(bench):
    """A header in the middle of a session is no restart: nothing there was negotiated for it."""
    raw = session(bench)
    raw.send(header())
    must(until_end(raw) is not None, "a second header was accepted")


def peer_gives_up(bench):
    """An error from the client ends its stream without an error in return."""
    raw = session(bench)
    raw.send("<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    must(until_end(raw) is None, "an error was answered with an error")


# ---- log-in ----

def initial(mechanism, text, *conditions):
    return sasl_failure(lambda raw, _: raw.auth(mechanism, b64(text)), *conditions)


def response_without_auth(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.send(f"<response xmlns='{NS_SASL}'>eA==</response>")
    answer = raw.next()
    must(answer is not None and local(answer) in ("failure", "error"), "a response to nothing was accepted")


def replayed_proof(bench):
    """The last message of one log-in is worth nothing in the next."""
    account = bench.account("hostile")
    said = []
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.scram(*account, tamper=lambda text: said.append(text) or text)
    again = bench.on_close(Raw(bench.server, "direct")).open()
    answer = again.scram(*account, tamper=lambda text: said[0])
    must(answer is not None and local(answer) == "failure", "a proof was accepted twice")


def downgraded_binding(bench):
    """The flag `y` says that the server offers no -PLUS: it does, so somebody has edited the offer (RFC 5802 s. 6)."""
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    user = bench.account("hostile")[0].split("@")[0]
    answer = raw.auth("SCRAM-SHA-256", b64(f"y,,n={user},r=abcdefgh"))
    if answer is not None and local(answer) == "challenge":
        raise Failure("a downgrade was not noticed")


def wrong_binding(bench):
    account = bench.account("hostile")
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    answer = raw.scram(*account, mechanism="SCRAM-SHA-256-PLUS",
                       tamper=lambda text: "c=" + b64(b"p=tls-server-end-point,," + os.urandom(32)) + text[text.index(",r="):])
    must(answer is not None and local(answer) == "failure", "a binding to another channel was accepted")


# ---- TLS ----

def old_tls(version):
    def test(bench):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(bench.server.ca)
        try:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        except (ValueError, ssl.SSLError) as error:
            raise Missing(f"this OpenSSL cannot speak it: {error}") from None
        plain = bench.on_close(socket.create_connection(("127.0.0.1", bench.server.direct_port), timeout=DEADLINE_S))
        try:
            context.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            return
        raise Failure("it was accepted")
    return test


def after_starttls(noise):
    """What follows <proceed/> is no TLS: that connection ends."""
    def test(bench):
        raw = bench.on_close(Raw(bench.server)).open()
        raw.send(f"<starttls xmlns='{NS_TLS}'/>")
        must(local(raw.next()) == "proceed", "no <proceed/>")
        throw(raw, noise)
        raw.socket.shutdown(socket.SHUT_WR)
        raw.wait_closed()
    return test


# ---- stanzas ----

def endless_errors(bench):
    """Two sessions throw each other's presence errors back and forth: the server adds none of its own."""
    one, two = session(bench), session(bench)
    error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    for _ in range(100):
        one.send(f"<presence type='error' to='{two.jid}'>{error}</presence><message type='error' to='nobody@localhost'>{error}</message>"
                 f"<iq type='error' id='e' to='nobody@localhost/x'>{error}</iq>")
    one.ping()
    must(not one.passed, f"an error was answered: {[e.attrib for e in one.passed]}")


def unasked_answers(bench):
    raw = flood(bench, "<iq type='result' id='nobody-asked'/>", 1000)
    must(not raw.passed, "a result was answered")


ROSTER = "<iq type='set' id='e'><query xmlns='jabber:iq:roster'>{}</query></iq>".format
FIRST = "n,,n=a,r=abcdefgh"

CASES = (
    ("bytes: split at random", split_at_random),
    ("bytes: a thousand stanzas and the end in one write", glued),
    ("bytes: the log-in's end in one write", glued_login),
    ("bytes: half of the largest stanza", half_a_stanza),
    ("bytes: a byte order mark first", after_header("\ufeff<a/>", "not-well-formed", "bad-format", "invalid-xml")),
    ("bytes: a lone surrogate", is_refused(b"<message><body>\xed\xa0\x80</body></message>", "not-well-formed", "unsupported-encoding",
                                           "invalid-xml", "bad-format")),
    ("bytes: overlong UTF-8", is_refused(b"<message><body>\xc0\xbc</body></message>", "not-well-formed", "unsupported-encoding",
                                         "invalid-xml", "bad-format")),
    ("bytes: U+FFFE", is_refused("<message><body>\ufffe</body></message>", "not-well-formed", "invalid-xml", "bad-format")),
    ("bytes: UTF-16", is_refused("<message/>".encode("utf-16"), "not-well-formed", "unsupported-encoding", "invalid-xml", "bad-format")),
    ("excess: 100,000 levels", is_refused("<message>" + "<a>" * 100000, "policy-violation")),
    ("excess: 100,000 levels of one namespace each", is_refused("<message>" + "<a xmlns='x'>" * 100000, "policy-violation")),
    ("excess: 10,000 attributes", is_refused("<message " + " ".join(f"a{n}=''" for n in range(10000)) + "/>", "policy-violation")),
    ("excess: 10,000 prefixes", is_refused("<message " + " ".join(f"xmlns:a{n}='x'" for n in range(10000)) + "/>", "policy-violation")),
    ("excess: a name without end", is_refused("<" + "a" * 300000, "policy-violation")),
    ("excess: an attribute without end", is_refused("<message id='" + "a" * 300000, "policy-violation")),
    ("excess: a comment without end", is_refused("<!--" + "a" * 300000, "restricted-xml")),
    ("excess: a CDATA section without end", is_refused("<message><body><![CDATA[" + "]" * 300000, "policy-violation")),
    ("excess: white space without end within a tag", is_refused("<message " + " " * 300000, "policy-violation")),
    ("excess: 60,000 children pass", children_flat),
    ("xml: a billion laughs", is_refused("<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;'>]><message>&b;</message>",
                                         "restricted-xml")),
    ("xml: external entity", is_refused("<!DOCTYPE x SYSTEM 'file:///etc/passwd'>", "restricted-xml")),
    ("xml: reference beyond Unicode", is_refused("<message><body>&#x110000;</body></message>", "not-well-formed", "invalid-xml")),
    ("xml: reference to a surrogate", is_refused("<message><body>&#xD800;</body></message>", "not-well-formed", "invalid-xml")),
    ("xml: reference without end", is_refused("<message><body>&" + "a" * 5000, "not-well-formed", "restricted-xml", "policy-violation")),
    ("xml: < in an attribute", is_refused("<message id='<'/>", "not-well-formed")),
    ("xml: xmlns bound to nothing", is_refused("<message><x xmlns:p=''/></message>", "not-well-formed", "bad-namespace-prefix")),
    ("xml: the prefix xml bound anew", is_refused("<message><x xmlns:xml='urn:x'/></message>", "not-well-formed", "bad-namespace-prefix")),
    ("xml: the same attribute by two prefixes", is_refused("<message><x xmlns:a='u' xmlns:b='u' a:i='1' b:i='2'/></message>",
                                                         "not-well-formed", "bad-namespace-prefix")),
    ("xml: end tag of another", is_refused("<message><a></b></message>", "not-well-formed")),
    ("flood: keep-alives", flood_keepalives),
    ("flood: presence", flood_presence),
    ("flood: messages to nobody", flood_messages_to_nobody),
    ("flood: queries nobody knows", flood_unknown_queries),
    ("flood: answers that are never read", flood_answers_unread),
    ("flood: subscription requests", flood_subscriptions),
    ("flood: roster changes", flood_roster_sets),
    ("flood: directed presence", flood_directed),
    ("flood: connections", flood_connections),
    ("flood: log-ins of one resource", flood_logins),
    ("flood: wrong passwords", flood_failures),
    ("flood: results nobody asked for", unasked_answers),
    ("forged: from of the server", forged("<message from='localhost' to='localhost'/>")),
    ("forged: from of a contact's domain", forged("<presence from='a@example.org'/>")),
    ("forged: from without a local part", forged("<iq type='get' id='1' from='@localhost'><x xmlns='y'/></iq>")),
    ("forged: a roster push", forged_push),
    ("forged: a subscription", subscription_from_another),
    ("forged: a domain that is not here", remote_domain),
    ("turn: SASL in the clear", auth_in_the_clear),
    ("turn: bind in the clear", early(f"<iq type='set' id='1'><bind xmlns='{NS_BIND}'/></iq>", "not-authorized")),
    ("turn: compression", early("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
                                "not-authorized", "unsupported-stanza-type")),
    ("turn: features from the client", early("<stream:features/>", "not-authorized", "unsupported-stanza-type")),
    ("turn: presence before bind", before_bind("<presence/>", "not-authorized")),
    ("turn: a query before bind", before_bind("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", "not-authorized")),
    ("turn: SASL twice", before_bind(f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-1'>{b64(FIRST)}</auth>", "not-authorized",
                                     "unsupported-stanza-type")),
    ("turn: SASL in a session", is_refused(f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-1'>{b64(FIRST)}</auth>",
                                           "unsupported-stanza-type", "not-authorized")),
    ("turn: STARTTLS in a session", is_refused(f"<starttls xmlns='{NS_TLS}'/>", "unsupported-stanza-type", "not-authorized")),
    ("turn: a second header", second_header),
    ("turn: an error from the client", peer_gives_up),
    ("log-in: a response to nothing", response_without_auth),
    ("log-in: a name of 5,000 octets", initial("SCRAM-SHA-256", f"n,,n={'a' * 5000},r=abcdefgh", "malformed-request", "not-authorized")),
    ("log-in: a name with NUL", initial("SCRAM-SHA-256", "n,,n=a\0b,r=abcdefgh", "malformed-request", "not-authorized")),
    ("log-in: a name that is no JID part", sasl_failure(lambda raw, account: raw.scram("a/b", account[1]), "malformed-request",
                                                        "not-authorized")),
    ("log-in: no nonce", initial("SCRAM-SHA-256", "n,,n=a,r=", "malformed-request", "not-authorized")),
    ("log-in: a mandatory extension", initial("SCRAM-SHA-256", "n,,m=x,n=a,r=abcdefgh", "malformed-request", "not-authorized")),
    ("log-in: an unknown channel binding", initial("SCRAM-SHA-256-PLUS", "p=tls-nonsense,,n=a,r=abcdefgh", "malformed-request",
                                                   "not-authorized")),
    ("log-in: -PLUS without a binding", initial("SCRAM-SHA-256-PLUS", FIRST, "malformed-request", "not-authorized")),
    ("log-in: a replayed proof", replayed_proof),
    ("log-in: a downgraded binding", downgraded_binding),
    ("log-in: a binding to another channel", wrong_binding),
    ("tls: 1.0", old_tls(ssl.TLSVersion.TLSv1)),
    ("tls: 1.1", old_tls(ssl.TLSVersion.TLSv1_1)),
    ("tls: XML after proceed", after_starttls(header().encode())),
    ("tls: noise after proceed", after_starttls(b"\x80" * 3000)),
    ("tls: an endless ClientHello", after_starttls(b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff" + b"\0" * 16380 + b"\x16\x03\x01\x40\x00"
                                                   + b"\0" * 16384)),
    ("stanza: errors in a circle", endless_errors),
    ("stanza: presence with two shows", stanza_error("<presence id='e'><show>away</show><show>xa</show></presence>"
                                                     "<iq type='get' id='e'/>", "bad-request")),
    ("stanza: a roster item without an address", stanza_error(ROSTER("<item/>"), "bad-request")),
    ("stanza: a roster item for nobody", stanza_error(ROSTER("<item jid='@'/>"), "jid-malformed")),
    ("stanza: a group twice", stanza_error(ROSTER("<item jid='a@b'><group>x</group><group>x</group></item>"), "bad-request")),
    ("stanza: an empty group", stanza_error(ROSTER("<item jid='a@b'><group/></item>"), "not-acceptable")),
    ("stanza: a name of 20,000 octets", stanza_error(ROSTER(f"<item jid='a@b' name='{'x' * 20000}'/>"), "not-acceptable")),
    ("stanza: 5,000 groups", stanza_error(ROSTER("<item jid='a@b'>" + "".join(f"<group>{n}</group>" for n in range(5000)) + "</item>"),
                                          "not-acceptable")),
    ("stanza: a malformed addressee of 100,000 octets", stanza_error(
        f"<iq type='get' id='e' to='{'a' * 100000}@localhost'><x xmlns='y'/></iq>", "jid-malformed")),
)


def heap_kib(server):
    """Allocated, whatever the allocator keeps of what was given back."""
    return server.stat("memory_heap_used_bytes") // 1024


def pss_kib(server):
    with open(f"/proc/{server.process.pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def memory_comes_back(bench):
    """All of it again, and again: what is allocated then is what was after the first time."""
    if bench.server.is_sanitized():
        raise Missing("a sanitizer keeps what is freed")
    if DEADLINE_S > EMULATED_DEADLINE_S:
        raise Missing("minutes on an emulated processor, and the kernel has no part in it")
    heap, pss = [], []
    for _ in range(ROUNDS):
        for _, test in CASES:
            try:
                test(bench)
            except Missing:
                pass
            while bench.opened:
                bench.opened.pop().close()
        end = time.monotonic() + DEADLINE_S
        while heap and heap_kib(bench.server) > heap[0] + GROWTH_KIB_MAX and time.monotonic() < end:
            time.sleep(0.05)  # connections are still being closed
        heap.append(heap_kib(bench.server))
        pss.append(pss_kib(bench.server))
    print(f"# after each round, KiB: allocated {heap}, PSS {pss}")
    must(heap[-1] - heap[0] <= GROWTH_KIB_MAX, f"allocated after each round of everything, KiB: {heap}")


def tests(server):
    if not server.is_musterd:
        return
    for name, test in CASES:
        yield f"hostile: {name}", beside_witnesses(test)
    yield "hostile: the memory comes back", beside_witnesses(memory_comes_back)
