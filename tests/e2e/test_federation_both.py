# SPDX-License-Identifier: Apache-2.0
"""One stream in both directions (XEP-0288), with a server by hand."""
from clients import must
from federation import CAPULET, MESSAGE, MONTAGUE, NS_SERVER, Certificates, ServerByHand, Verona, eventually, failed, receiving, silent
from raw import local


BIDI_FEATURE = "<bidi xmlns='urn:xmpp:features:bidi'/>"
OTHER_OF_OURS = f"second.{CAPULET}"
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


def replaced(bench):
    """A second stream of the same domain takes the place of the first, which may be dead: it is ended, and still heard."""
    certificates = Certificates(bench.server.folder)
    with Verona(bench, "", {MONTAGUE: 1}, certificates) as verona:
        juliet, streams = verona.user("juliet"), []
        for number in range(2):
            raw = verona.connect()
            raw.secure()
            raw.send(BIDI)
            raw.external()
            streams.append(raw)
            juliet.send(f"<message to='romeo@{MONTAGUE}'><body>{number}</body></message>")
            must(bodies([raw.next()]) == [f"{number}"], f"stream {number}")
        must(streams[0].next() is None, "the older stream is not ended")
        streams[0].send(MESSAGE)
        eventually(lambda: verona.stat("server_stanzas_received") == 1, "the older stream is not heard")
        streams[0].send("</stream:stream>")
        streams[0].wait_closed()
        juliet.send(f"<message to='romeo@{MONTAGUE}'><body>still</body></message>")
        must(bodies([streams[1].next()]) == ["still"], "the newer stream")


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
    ends = (("invalid-from", spoofed_message, BIDI_FEATURE), ("host-unknown", MESSAGE.replace(CAPULET, OTHER_OF_OURS), BIDI_FEATURE),
            ("improper-addressing", MESSAGE.replace(f" to='juliet@{CAPULET}'", ""), BIDI_FEATURE), ("not-authorized", MESSAGE, ""))
    for condition, said, features in ends:
        heard = []
        hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), receiving(heard, features, lambda raw: raw.send(said)), certificates.ca)
        verona = Verona(bench, "", {MONTAGUE: hand.port}, certificates)
        verona.server.more_domains = f", {OTHER_OF_OURS}"  # served, but not what this stream is for
        with verona:
            verona.user("juliet").send(f"<message to='romeo@{MONTAGUE}'><body>so</body></message>")
            eventually(lambda: heard and local(heard[-1]) == "error", f"{condition}: no stream error")
            must([local(child) for child in heard[-1]] == [condition], f"{[local(child) for child in heard[-1]]}, not {condition}")
            must(("bidi" in [local(e) for e in heard]) == bool(features) and verona.stat("server_stanzas_received") == 0, condition)
        hand.close()
    heard = []
    again = "<stream:features/>"  # some servers say them once more
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE),
                        receiving(heard, BIDI_FEATURE, lambda raw: raw.send(again + piggyback + question + MESSAGE)), certificates.ca)
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


def tests(server):
    if not server.is_musterd:
        return []
    return [("federation: one stream in both directions, theirs", there_and_back),
            ("federation: one stream in both directions, ours", bidi_out),
            ("federation: who may not have one stream in both directions", bidi_limits),
            ("federation: one stream after another in both directions", replaced)]
