# SPDX-License-Identifier: Apache-2.0
"""Streams that other servers open (RFC 6120, XEP-0178, XEP-0220): what they can say to musterd."""
import time

from clients import must
from federation import (CAPULET, DIALBACK_FEATURE, MESSAGE, MONTAGUE, NS_DIALBACK, NS_SERVER, OPTIONAL, Certificates, ServerByHand, Verona, eventually,
                        failed)
from raw import header, local


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


def tests(server):
    if not server.is_musterd:
        return []
    return [("federation: EXTERNAL lets a server in", external_in),
            ("federation: what a server may not say", spoofed),
            ("federation: who is not proved", unproved),
            ("federation: headers", headers),
            ("federation: dialback lets a server in", dialback_in),
            ("federation: keys that are not ours", authoritative),
            ("federation: what is no key", keys),
            ("federation: an idle stream ends", idle),
            ("federation: who says much", throttled),
            ("federation: a key that is not verified", unanswered),
            ("federation: who could not be reached comes", seen)]
