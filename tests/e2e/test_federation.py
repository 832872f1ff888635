# SPDX-License-Identifier: Apache-2.0
"""Streams between servers (RFC 6120, XEP-0178, XEP-0220): what another server can say to musterd, and what musterd says to it."""
import shutil
import time

from clients import Failure, Missing
from federation import (CAPULET, MONTAGUE, NS_DIALBACK, NS_SERVER, Certificates, FederatedMusterd, FederatedProsody, ServerByHand,
                        ServerRaw, User, eventually)
from raw import NS_ERRORS, NS_TLS, header, local
from test_admin import must

MESSAGE = f"<message from='romeo@{MONTAGUE}' to='juliet@{CAPULET}'><body>neither, fair saint</body></message>"
DIALBACK_FEATURE = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
EXTERNAL_FEATURE = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
OPTIONAL = "certificates: optional"


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


def external_in(bench):
    """A certificate that names the domain lets its server in, by STARTTLS and by direct TLS."""
    with Verona(bench) as verona:
        for tls in ("starttls", "direct"):
            verona.external(tls=tls).send(MESSAGE)
        eventually(lambda: verona.stat("server_stanzas_received") == 2, "the stanzas did not arrive")
        lines = [line.split("\t") for line in verona.links()]
        must([line[:5] for line in lines] == [[MONTAGUE, CAPULET, "in", "established", "external"]] * 2, f"server list: {lines}")


def spoofed(bench):
    """What an authenticated stream may not say (RFC 6120 s. 8.1)."""
    cases = (
        (MESSAGE.replace(f"romeo@{MONTAGUE}", "romeo@verona.example"), "invalid-from"),
        (MESSAGE.replace(f"romeo@{MONTAGUE}", f"juliet@{CAPULET}"), "invalid-from"),
        (MESSAGE.replace(f"romeo@{MONTAGUE}", f"romeo@sub.{MONTAGUE}"), "invalid-from"),
        (MESSAGE.replace(f" from='romeo@{MONTAGUE}'", ""), "improper-addressing"),
        (MESSAGE.replace(f" to='juliet@{CAPULET}'", ""), "improper-addressing"),
        (MESSAGE.replace(f"juliet@{CAPULET}", "@"), "improper-addressing"),
        (MESSAGE.replace(CAPULET, "verona.example"), "host-unknown"),
        (MESSAGE.replace("<message", "<message xmlns='jabber:client'"), "invalid-namespace"),
        ("<nonsense/>", "unsupported-stanza-type"),
        ("<a></b>", "not-well-formed"),
        ("<!-- -->", "restricted-xml"),
    )
    with Verona(bench) as verona:
        for text, condition in cases:
            raw = verona.external()
            raw.send(text)
            raw.expect_stream_error(condition)
        must(verona.stat("server_stanzas_received") == 0, "a stanza came through")


def unproved(bench):
    """Before the domain is proved nothing is taken: not in the clear, not without or with another's certificate."""
    with Verona(bench) as verona:
        raw = verona.connect()
        raw.open()
        raw.send(MESSAGE)
        raw.expect_stream_error("policy-violation")
        raw = verona.connect()
        raw.open()
        raw.dialback("0" * 64)
        raw.expect_stream_error("policy-violation")
        raw = verona.connect()
        raw.secure()
        raw.send(MESSAGE)
        raw.expect_stream_error("not-authorized")
        for pair in (None, verona.certificates.make("verona.example"), Certificates(verona.server.folder).make(MONTAGUE)):
            raw = verona.connect(pair=pair)
            raw.secure()
            must(raw.mechanisms() == [], f"EXTERNAL is offered to {pair}")
            answer = raw.auth("EXTERNAL", "=")
            raw.expect_sasl_failure(answer, "not-authorized")
            raw.dialback("0" * 64)
            raw.expect_stream_error("policy-violation")
        raw = verona.connect()
        raw.secure()
        raw.expect_sasl_failure(raw.auth("EXTERNAL", "dmVyb25hLmV4YW1wbGU="), "invalid-authzid")


def headers(bench):
    with Verona(bench) as verona:
        for fields, condition in (({"to": "verona.example"}, "host-unknown"), ({"to": ""}, "host-unknown"),
                                  ({"ns": "jabber:client"}, "invalid-namespace"), ({"version": ""}, "unsupported-version"),
                                  ({"more": f" from='{CAPULET}'"}, "invalid-from"), ({"more": " from='@'"}, "invalid-from")):
            raw = verona.connect(pair=None)
            raw.send(header(**{"to": CAPULET, "ns": NS_SERVER, **fields}))
            raw.expect_stream_error(condition)
        raw = verona.connect(pair=None)
        raw.send(b"\x16\x03\x01 nonsense")
        raw.expect_stream_error("not-well-formed", "unsupported-encoding")
        must(verona.stat("server_authentications_in") == 0, "somebody came in")


KEY = "any text & not <hex>"
ESCAPED_KEY = "any text &amp; not &lt;hex&gt;"


def authority(verdict):
    """Answers of an authoritative server that says `verdict` of the key, which is any text. None: nothing."""
    def answers(raw):
        raw.secure()
        raw.greet(DIALBACK_FEATURE)
        while (asked := raw.next()) is not None:
            if local(asked) == "verify" and verdict:
                must(asked.text == KEY, f"key {asked.text}")
                raw.send(f"<db:verify from='{asked.get('to')}' to='{asked.get('from')}' id='{asked.get('id')}' type='{verdict}'/>")
    return answers


def dialback_in(bench):
    """The receiving server asks the domain's own server, and believes it."""
    for verdict, outcome in (("valid", "valid"), ("invalid", "invalid"), ("error", "error")):
        certificates = Certificates(bench.server.folder)
        pair = certificates.make(MONTAGUE)
        hand = ServerByHand(MONTAGUE, pair, authority(verdict), certificates.ca)
        with Verona(bench, OPTIONAL, {MONTAGUE: hand.port}) as verona:
            raw = verona.connect(pair=None)
            raw.secure()
            raw.dialback(ESCAPED_KEY)
            answer = raw.next()
            must(answer is not None and answer.tag == f"{{{NS_DIALBACK}}}result" and answer.get("type") == outcome,
                 f"{verdict}: {answer is not None and answer.attrib}")
            if outcome == "valid":
                raw.send(MESSAGE)
                eventually(lambda: verona.stat("server_stanzas_received") == 1, "the stanza did not arrive")
                raw.send(MESSAGE.replace(f"romeo@{MONTAGUE}", "romeo@verona.example"))
                raw.expect_stream_error("invalid-from")
            must(hand.connections == 1 and not hand.failures, f"{hand.connections} connections, {hand.failures}")
        hand.close()


def keys(bench):
    """What cannot be a key is refused, and nobody is asked."""
    certificates = Certificates(bench.server.folder)
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), authority("valid"), certificates.ca)
    with Verona(bench, OPTIONAL, {MONTAGUE: hand.port}) as verona:
        for key in ("", " ", "k" * 1025, "<a/>"):
            raw = verona.connect(pair=None)
            raw.secure()
            raw.dialback(key)
            answer = raw.next()
            must(answer is not None and answer.get("type") == "error", f"key {key[:9]}: {answer is not None and answer.attrib}")
        must(hand.connections == 0, f"{hand.connections} connections")
    hand.close()


def unanswered(bench):
    """A server that answers one key and not the next is hung up on."""
    certificates = Certificates(bench.server.folder)
    answered = []

    def answers(raw):
        raw.secure()
        raw.greet(DIALBACK_FEATURE)
        while (asked := raw.next()) is not None:
            if local(asked) == "verify" and not answered:
                answered.append(asked)
                raw.send(f"<db:verify from='{asked.get('to')}' to='{asked.get('from')}' id='{asked.get('id')}' type='valid'/>")
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), answers, certificates.ca)
    with Verona(bench, OPTIONAL + "\n  login_timeout_ms: 1000", {MONTAGUE: hand.port}) as verona:
        for _ in range(2):
            raw = verona.connect(pair=None)
            raw.secure()
            raw.dialback(ESCAPED_KEY)
            must(raw.next() is not None, "no answer")
        eventually(lambda: not any("\tout\tconnected" in line for line in verona.links()), "the stream is still there")
    hand.close()


def seen(bench):
    """A server that could not be reached is tried again at once when it comes by its certificate, however it proves its domain."""
    said = []
    certificates = Certificates(bench.server.folder)
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), lambda raw: None, certificates.ca)
    with Verona(bench, "retry_first_ms: 3600000\n  retry_max_ms: 3600000", {MONTAGUE: hand.port}) as verona:
        juliet = verona.user("juliet")

        def say():
            said.append(f"m{len(said)}")
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='{said[-1]}'><body>anybody</body></message>")
            failed(juliet, said[-1], "remote-server-timeout")
            return hand.connections
        must(say() == 1 and say() == 1, f"{hand.connections} connections")
        verona.external()
        eventually(lambda: say() == 2, "not tried again after EXTERNAL")
        must(say() == 2, f"{hand.connections} connections")
        raw = verona.connect()
        raw.secure()
        raw.dialback(ESCAPED_KEY)
        must(raw.next() is not None and hand.connections == 3, f"{hand.connections} connections after dialback")
    hand.close()


def idle(bench):
    """A stream that is ended for its idleness still takes what was on its way."""
    with Verona(bench, "idle_timeout_ms: 1000") as verona:
        raw = verona.external()
        must(raw.next() is None, "not an end")
        raw.send(MESSAGE)
        eventually(lambda: verona.stat("server_stanzas_received") == 1, "the stanza did not arrive")
        raw.send("</stream:stream>")
        raw.wait_closed()
        raw = verona.external()
        must(raw.next() is None, "not an end")
        eventually(lambda: verona.stat("server_streams_in") == 0, "it waits for the other end for ever")


def throttled(bench):
    """A server that says much at once is read more slowly, and nothing of it is lost."""
    with Verona(bench, "stanza_rate: 20\nlimits: {rate_burst_s: 2}") as verona:
        raw = verona.external()
        begin = time.monotonic()
        raw.send(MESSAGE * 100)
        eventually(lambda: verona.stat("server_stanzas_received") == 100, "the stanzas did not arrive")
        must(time.monotonic() - begin > 2.5, "100 stanzas in less than 60 / 20 seconds")
        must(verona.stat("server_streams_throttled") > 0, "not counted")


def authoritative(bench):
    """A key that is not ours is called invalid, whoever asks."""
    with Verona(bench) as verona:
        raw = verona.connect(pair=None)
        raw.secure()
        raw.send(f"<db:verify from='{MONTAGUE}' to='{CAPULET}' id='1'>{'0' * 64}</db:verify>")
        answer = raw.next()
        must(answer is not None and answer.get("type") == "invalid" and answer.get("id") == "1", "a strange key")


class Pair:
    """Two servers that know each other's place, an account on each."""

    def __init__(self, bench, other, settings="", other_certificates=None):
        folder = bench.server.folder
        certificates = Certificates(folder)
        self.capulet = FederatedMusterd(bench.build, bench.server.workers, CAPULET, certificates, settings)
        self.montague = other(bench.build, bench.server.workers, MONTAGUE, other_certificates or certificates)
        self.users = []

    def __enter__(self):
        self.capulet.hosts[MONTAGUE], self.montague.hosts[CAPULET] = self.montague.server_port, self.capulet.server_port
        for server in (self.capulet, self.montague):
            server.start()
        must(self.capulet.hosts[MONTAGUE] == self.montague.server_port and self.montague.hosts[CAPULET] == self.capulet.server_port,
             "a port was taken meanwhile")
        self.juliet = self.user(self.capulet, f"juliet@{CAPULET}")
        self.romeo = self.user(self.montague, f"romeo@{MONTAGUE}")
        return self

    def user(self, server, jid):
        account = (jid, "pencil")
        server.add_user(*account)
        self.users.append(User(server, account))
        self.users[-1].send("<presence/>")
        return self.users[-1]

    def __exit__(self, *failure):
        for user in self.users:
            user.close()
        try:
            for server in (self.capulet, self.montague):
                if failure[0]:
                    print(server.log_text()[-6000:])
                elif server.is_musterd:
                    code = server.stop()
                    must(code == 0, f"exit code {code} on SIGTERM")
        finally:
            self.capulet.remove()
            self.montague.remove()

    def proofs(self, server):
        return sorted(line.split("\t")[2] + " " + line.split("\t")[4] for line in server.musterctl("server", "list").stdout.splitlines())


def talk(pair, proof, directions=("in", "out")):
    """Messages, a subscription both ways, presence, a query, an answer that is an error."""
    juliet, romeo = pair.juliet, pair.romeo
    juliet.send(f"<message to='{romeo.jid}' type='chat'><body>wherefore art thou</body></message>")
    romeo.message("wherefore art thou", juliet.jid)
    romeo.send(f"<message to='{juliet.jid}' type='chat'><body>call me but love</body></message>")
    juliet.message("call me but love", romeo.jid)
    must(pair.proofs(pair.capulet) == [f"{direction} {proof}" for direction in directions], f"proofs {pair.proofs(pair.capulet)}")
    bare = {user: user.jid.split("/")[0] for user in (juliet, romeo)}
    for asker, asked in ((juliet, romeo), (romeo, juliet)):
        asker.send(f"<presence to='{bare[asked]}' type='subscribe'/>")
        asked.presence(bare[asker], "subscribe")
        asked.send(f"<presence to='{bare[asker]}' type='subscribed'/>")
        asker.presence(bare[asked], "subscribed")
        asker.presence(asked.jid)
    romeo.send("<presence><show>away</show></presence>")
    shown = juliet.presence(romeo.jid)
    must(shown.findtext("{jabber:client}show") == "away", "the change")
    reply = juliet.ask(f"<iq type='get' to='{MONTAGUE}' id='q'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", "q")
    must(reply.get("type") == "result" and reply.get("from") == MONTAGUE, f"disco: {reply.attrib}")
    reply = juliet.ask(f"<iq type='get' to='nobody@{MONTAGUE}' id='n'><query xmlns='urn:example:nothing'/></iq>", "n")
    must(reply.get("type") == "error", "an answer of nobody")
    romeo.send("<presence type='unavailable'/>")
    juliet.presence(romeo.jid, "unavailable")


def pair_external(bench):
    """One stream in both directions, unless one side has that switched off."""
    with Pair(bench, FederatedMusterd) as pair:
        talk(pair, "external", ["both"])
        must([server.stat("server_streams_opened") for server in (pair.capulet, pair.montague)] == [1, 0], "more than one stream")
    with Pair(bench, FederatedMusterd, "bidirectional: false") as pair:
        talk(pair, "external")


def pair_dialback(bench):
    """Nobody trusts the other's authority: EXTERNAL is not offered, and dialback proves the domains."""
    other = lambda *arguments: FederatedMusterd(*arguments, settings=OPTIONAL)
    with Pair(bench, other, OPTIONAL, Certificates(bench.server.folder + "/other")) as pair:
        talk(pair, "dialback")


def prosody_external(bench):
    if not shutil.which("prosody"):
        raise Missing("no prosody")
    with Pair(bench, FederatedProsody) as pair:
        talk(pair, "external")


def prosody_bidirectional(bench):
    """Whoever opens the stream."""
    if not shutil.which("prosody"):
        raise Missing("no prosody")
    for opens in ("capulet", "montague"):
        with Pair(bench, BidirectionalProsody) as pair:
            if opens == "montague":
                pair.romeo.send(f"<message to='{pair.juliet.jid}' type='chat'><body>he jests at scars</body></message>")
                pair.juliet.message("he jests at scars", pair.romeo.jid)
            talk(pair, "external", ["both"])
            must(pair.capulet.stat("server_streams_opened") == (opens == "capulet"), f"streams when {opens} opens one")


def prosody_dialback(bench):
    if not shutil.which("prosody"):
        raise Missing("no prosody")
    with Pair(bench, DialbackProsody, OPTIONAL, Certificates(bench.server.folder + "/other")) as pair:
        talk(pair, "dialback")


class DialbackProsody(FederatedProsody):
    is_secure = False


class BidirectionalProsody(FederatedProsody):
    more_modules = ', "s2s_bidi"'


def restarted(bench):
    """The other server goes and comes back: what is said meanwhile is answered, then stanzas go through again."""
    with Pair(bench, FederatedMusterd, "retry_first_ms: 100") as pair:
        juliet = pair.juliet
        juliet.send(f"<message to='{pair.romeo.jid}'><body>one</body></message>")
        pair.romeo.message("one", juliet.jid)
        pair.montague.stop()
        eventually(lambda: pair.proofs(pair.capulet) == [], "the streams are still there")
        juliet.send(f"<message to='romeo@{MONTAGUE}' id='m2'><body>two</body></message>")
        failed(juliet, "m2", "remote-server-timeout")
        pair.montague.start()
        for number in range(100):
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='r{number}'><body>three</body></message>")
            eventually(lambda: pair.capulet.stat("server_stanzas_queued") == 0, "it is queued for ever")
            if "both external" in pair.proofs(pair.capulet):
                break
        else:
            raise AssertionError("no stream any more")
        back = User(pair.montague, (f"romeo@{MONTAGUE}", "pencil"))
        pair.users.append(back)
        back.send("<presence/>")
        back.message("three", juliet.jid)


def failed(user, request, condition):
    answer = user.take(lambda e: e.get("id") == request and e.get("type") == "error", f"error for {request}")
    names = [local(child) for error in answer if local(error) == "error" for child in error]
    must(condition in names, f"{names}, not {condition}")


def silent(raw):
    raw.next()
    raw.next()


def no_tls(raw):
    raw.greet(DIALBACK_FEATURE)
    raw.next()


def garbage(raw):
    raw.send("HTTP/1.1 400 Bad Request\r\n\r\n")
    raw.next()


def no_proof(raw):
    raw.secure()
    raw.greet("")
    raw.next()


def refused(raw):
    raw.secure()
    raw.greet(EXTERNAL_FEATURE + DIALBACK_FEATURE)
    while (asked := raw.next()) is not None:
        if local(asked) == "auth":
            raw.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>")
        else:
            raw.send(f"<db:result from='{MONTAGUE}' to='{CAPULET}' type='invalid'/>")


def plain_features(raw):
    """Offers everything but TLS, and takes what comes."""
    raw.greet(EXTERNAL_FEATURE + DIALBACK_FEATURE)
    if (said := raw.next()) is not None:
        raise Failure(f"said in the clear: {local(said)}")


def outgoing_failures(bench):
    """Whatever is wrong with the other server, who has said something hears of it, and the server is left alone for a while."""
    certificates = Certificates(bench.server.folder)
    good, other = certificates.make(MONTAGUE), certificates.make("verona.example")
    own = Certificates(bench.server.folder + "/other").make(MONTAGUE)
    cases = (("silent", silent, good), ("no TLS", no_tls, good), ("garbage", garbage, good), ("no proof", no_proof, good),
             ("refused", refused, good), ("plain", plain_features, good), ("another's certificate", no_proof, other),
             ("a strange certificate", no_proof, own), ("refused port", None, good))
    for name, answers, pair in cases:
        hand = ServerByHand(MONTAGUE, pair, answers, certificates.ca)
        if answers is None:
            hand.close()
        with Verona(bench, "login_timeout_ms: 1000", {MONTAGUE: hand.port}, certificates) as verona:
            juliet = verona.user("juliet")
            for number in range(3):
                juliet.send(f"<message to='romeo@{MONTAGUE}' id='m{number}'><body>{name}</body></message>")
            for number in range(3):
                failed(juliet, f"m{number}", "remote-server-timeout")
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='again'><body>{name}</body></message>")
            failed(juliet, "again", "remote-server-timeout")
            must(hand.connections == (answers is not None), f"{name}: {hand.connections} connections")
            must(verona.stat("server_stanzas_failed") == 4 and verona.stat("server_stanzas_queued") == 0, f"{name}: counters")
        must(not hand.failures or "deadline" in str(hand.failures[0]) or name == "a strange certificate" or "certificate" in name,
             f"{name}: {hand.failures}")
        hand.close()


def redirect(place):
    """Says where to go instead, once who asks is safe to talk to."""
    def answers(raw):
        raw.secure()
        raw.greet(EXTERNAL_FEATURE)
        raw.send(f"<stream:error><see-other-host xmlns='{NS_ERRORS}'>{place}</see-other-host></stream:error></stream:stream>")
        while raw.next() is not None:
            pass
    return answers


def redirect_in_clear(place):
    def answers(raw):
        raw.greet(f"<starttls xmlns='{NS_TLS}'/>")
        raw.send(f"<stream:error><see-other-host xmlns='{NS_ERRORS}'>{place}</see-other-host></stream:error></stream:stream>")
        raw.next()
    return answers


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


BIDI_FEATURE = "<bidi xmlns='urn:xmpp:features:bidi'/>"
BIDI = "<bidi xmlns='urn:xmpp:bidi'/>"


def bodies(heard):
    return [m.findtext(f"{{{NS_SERVER}}}body") for m in heard if local(m) == "message"]


def there_and_back(bench):
    """By the stream that the other server has opened, if it asks for that (XEP-0288): in order, all of it, and when the stream is gone by
    one of our own."""
    certificates, heard = Certificates(bench.server.folder), []
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), receiving(heard), certificates.ca)
    with Verona(bench, "queue_bytes: 100000000", {MONTAGUE: hand.port}, certificates) as verona:
        juliet, said = verona.user("juliet"), []

        def say(count, more=""):
            for _ in range(count):
                said.append(f"{len(said)}{more}")
                juliet.send(f"<message to='romeo@{MONTAGUE}'><body>{said[-1]}</body></message>")
            juliet.ping()

        raw = verona.connect()
        raw.secure()
        must(raw.features.find("{urn:xmpp:features:bidi}bidi") is not None, "not offered")
        raw.send(BIDI)
        raw.external()
        raw.send(MESSAGE.replace("juliet", "nobody").replace("<message", "<iq id='q' type='get'").replace("</message", "</iq"))
        answer = raw.next()
        must(local(answer) == "iq" and answer.get("type") == "error" and answer.get("to") == f"romeo@{MONTAGUE}", "no answer")
        lines = [line.split("\t") for line in verona.links()]
        must([line[:5] for line in lines] == [[MONTAGUE, CAPULET, "both", "established", "external"]], f"server list: {lines}")
        say(500)
        back = [raw.next() for _ in range(500)]
        must(bodies(back) == said and hand.connections == 0, f"{len(back)} came, {hand.connections} connections")
        say(600, " and a great deal more" * 1000)  # what the kernel takes for who does not read, it loses; the rest is ours
        must(verona.stat("server_stanzas_queued") > 100, "nothing waits")
        raw.close()
        verona.opened.remove(raw)
        eventually(lambda: verona.stat("server_streams_in") == 0, "the stream is still there")
        say(10)
        eventually(lambda: bodies(heard)[-10:] == said[-10:], "nothing comes by a stream of our own")
        must(len(heard) > 100 and bodies(heard) == said[-len(heard):], f"{len(heard)} stanzas: lost, doubled or out of order")
        must(hand.connections == 1 and verona.stat("server_stanzas_queued") == 0, f"{hand.connections} connections")
    hand.close()


def bidi_limits(bench):
    """Not before the domain is proved; not by who has not asked; not for another pair of domains."""
    certificates = Certificates(bench.server.folder)
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), silent, certificates.ca)
    with Verona(bench, "login_timeout_ms: 2000", {MONTAGUE: hand.port}, certificates) as verona:
        juliet = verona.user("juliet")
        message = f"<message to='romeo@{MONTAGUE}' id='m'><body>anybody</body></message>"
        raw = verona.connect()
        raw.open()
        must(raw.features.find("{urn:xmpp:features:bidi}bidi") is None, "offered in the clear")
        raw.send(BIDI)
        raw.expect_stream_error("policy-violation")
        unproved = verona.connect()
        unproved.secure()
        unproved.send(BIDI)
        verona.external()  # has not asked
        stranger = verona.connect("verona.example")
        stranger.secure()
        stranger.send(BIDI)
        stranger.external()
        juliet.send(message)
        failed(juliet, "m", "remote-server-timeout")
        must(hand.connections == 1, f"{hand.connections} connections")
        stranger.send(MESSAGE.replace(MONTAGUE, "verona.example").replace("<message", "<iq id='q' type='get'").replace("</message", "</iq"))
        must(local(stranger.next()) == "iq", "something else")
        late = verona.external()
        late.send(BIDI)
        late.expect_stream_error("unsupported-stanza-type")
    with Verona(bench, "bidirectional: false") as verona:
        raw = verona.connect()
        raw.secure()
        must(raw.features.find("{urn:xmpp:features:bidi}bidi") is None, "offered though it is off")
        raw.send(BIDI)
        raw.expect_stream_error("not-authorized")
    hand.close()


def bidi_out(bench):
    """What the other server says on the stream that we have opened: as on its own, if both have agreed on it."""
    certificates = Certificates(bench.server.folder)
    spoofed_message = MESSAGE.replace(f"romeo@{MONTAGUE}", "romeo@verona.example")
    piggyback = f"<db:result from='chat.{MONTAGUE}' to='{CAPULET}'>{'0' * 64}</db:result>"
    question = f"<db:verify from='{MONTAGUE}' to='{CAPULET}' id='1'>{'0' * 64}</db:verify>"
    ends = (("invalid-from", spoofed_message, BIDI_FEATURE), ("host-unknown", MESSAGE.replace(CAPULET, "verona.example"), BIDI_FEATURE),
            ("improper-addressing", MESSAGE.replace(f" to='juliet@{CAPULET}'", ""), BIDI_FEATURE), ("not-authorized", MESSAGE, ""))
    for condition, said, features in ends:
        heard = []
        hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), receiving(heard, features, lambda raw: raw.send(said)), certificates.ca)
        with Verona(bench, "", {MONTAGUE: hand.port}, certificates) as verona:
            verona.user("juliet").send(f"<message to='romeo@{MONTAGUE}'><body>so</body></message>")
            eventually(lambda: heard and local(heard[-1]) == "error", f"{condition}: no stream error")
            must([local(child) for child in heard[-1]] == [condition], f"{[local(child) for child in heard[-1]]}, not {condition}")
            must(("bidi" in [local(e) for e in heard]) == bool(features) and verona.stat("server_stanzas_received") == 0, condition)
        hand.close()
    heard = []
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE),
                        receiving(heard, BIDI_FEATURE, lambda raw: raw.send(piggyback + question + MESSAGE)), certificates.ca)
    with Verona(bench, "idle_timeout_ms: 1000", {MONTAGUE: hand.port}, certificates) as verona:
        juliet = verona.user("juliet")
        juliet.send(f"<presence/><message to='romeo@{MONTAGUE}'><body>so</body></message>")
        juliet.message("neither, fair saint", f"romeo@{MONTAGUE}")
        eventually(lambda: len([e for e in heard if e.get("type") in ("error", "invalid")]) == 2, f"{heard}")
        must([e.get("type") for e in heard if local(e) == "verify"] == ["invalid"], "our opinion of a strange key")
        must([e.get("type") for e in heard if local(e) == "result"] == ["error"], "another domain on the same stream")
        # The stream is idle soon: what is said then goes by another one.
        eventually(lambda: verona.links() == [], "the idle stream does not end")
        juliet.send(f"<message to='romeo@{MONTAGUE}'><body>again</body></message>")
        eventually(lambda: bodies(heard) == ["so", "again"] and hand.connections == 2, f"{bodies(heard)}, {hand.connections} connections")
    hand.close()


def redirected(bench):
    """A redirection is followed to who shows the same domain's certificate: from one who has shown it, three times at most."""
    certificates, heard = Certificates(bench.server.folder), []
    good, other = certificates.make(MONTAGUE), certificates.make("verona.example")

    def by_hand(answers, pair=good):
        return ServerByHand(MONTAGUE, pair, answers, certificates.ca)

    there = by_hand(receiving(heard))
    place = f"127.0.0.1:{there.port}"
    chain = [there]
    for _ in range(4):
        chain.append(by_hand(redirect(f" 127.0.0.1:{chain[-1].port}\n")))
    impostor = by_hand(receiving(heard), other)
    known = by_hand(redirect("elsewhere.example"))
    cases = (("once", chain[1], True), ("three times", chain[3], True), ("four times", chain[4], False), ("a domain", known, True),
             ("in the clear", by_hand(redirect_in_clear(place)), False), ("nowhere", by_hand(redirect("a b")), False),
             ("by an impostor", by_hand(redirect(place), other), False),
             ("to an impostor", by_hand(redirect(f"127.0.0.1:{impostor.port}")), False))
    for name, first, is_followed in cases:
        verona = Verona(bench, "", {MONTAGUE: first.port, "elsewhere.example": there.port}, certificates)
        with verona:
            juliet = verona.user("juliet")
            before = there.connections
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='m'><body>{name}</body></message>")
            if is_followed:
                eventually(lambda: heard and heard[-1].findtext(f"{{{NS_SERVER}}}body") == name, f"{name}: not followed")
            else:
                failed(juliet, "m", "remote-server-timeout")
                must(there.connections == before, f"{name}: followed")
    for hand in (*chain, impostor, known, *(case[1] for case in cases)):
        hand.close()


def not_found(bench):
    with Verona(bench) as verona:
        juliet = verona.user("juliet")
        juliet.send("<message to='romeo@montague.invalid' id='m'><body>anybody</body></message>")
        failed(juliet, "m", "remote-server-not-found")


def queue_limit(bench):
    """More than may wait bounces at once."""
    certificates = Certificates(bench.server.folder)
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), silent, certificates.ca)
    with Verona(bench, "queue_stanzas: 5\n  login_timeout_ms: 2000", {MONTAGUE: hand.port}) as verona:
        juliet = verona.user("juliet")
        for number in range(8):
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='m{number}'><body>x</body></message>")
        for number in (5, 6, 7):
            failed(juliet, f"m{number}", "resource-constraint")
        must(verona.stat("server_stanzas_queued") == 5, "queued")
        for number in range(5):
            failed(juliet, f"m{number}", "remote-server-timeout")
    hand.close()


def tests(server):
    if not server.is_musterd:
        return []
    return [("federation: EXTERNAL lets a server in", external_in), ("federation: what a server may not say", spoofed),
            ("federation: who is not proved", unproved), ("federation: headers", headers),
            ("federation: dialback lets a server in", dialback_in), ("federation: keys that are not ours", authoritative),
            ("federation: what is no key", keys), ("federation: an idle stream ends", idle),
            ("federation: who says much", throttled), ("federation: a key that is not verified", unanswered),
            ("federation: who could not be reached comes", seen),
            ("federation: two servers by EXTERNAL", pair_external), ("federation: two servers by dialback", pair_dialback),
            ("federation: Prosody by EXTERNAL", prosody_external),
            ("federation: Prosody by dialback", prosody_dialback), ("federation: the other server restarts", restarted), ("federation: servers that fail", outgoing_failures),
            ("federation: who says where to go instead", redirected),
            ("federation: one stream in both directions, theirs", there_and_back),
            ("federation: one stream in both directions, ours", bidi_out),
            ("federation: who may not have one stream in both directions", bidi_limits),
            ("federation: Prosody in both directions", prosody_bidirectional),
            ("federation: a domain without a server", not_found), ("federation: too much waits", queue_limit)]
