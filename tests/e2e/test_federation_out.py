# SPDX-License-Identifier: Apache-2.0
"""Streams that musterd opens: servers that fail, that are not there, that send it elsewhere."""
from clients import Failure, must
from federation import (CAPULET, DIALBACK_FEATURE, EXTERNAL_FEATURE, MONTAGUE, NS_SERVER, Certificates, ServerByHand, Verona, eventually, failed,
                        receiving, silent)
from raw import NS_ERRORS, NS_TLS, local


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
    same = by_hand(redirect(f"{MONTAGUE}:{there.port}"))
    cases = (("once", chain[1], True), ("to another port", same, True), ("three times", chain[3], True), ("four times", chain[4], False), ("a domain", known, True),
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
    with Verona(bench, "certificates: optional", {MONTAGUE: (first := by_hand(redirect(f"127.0.0.1:{impostor.port}"))).port},
                certificates) as verona:
        juliet = verona.user("juliet")
        juliet.send(f"<message to='romeo@{MONTAGUE}' id='m'><body>optional</body></message>")
        failed(juliet, "m", "remote-server-timeout")
    first.close()
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
    return [("federation: servers that fail", outgoing_failures),
            ("federation: who says where to go instead", redirected),
            ("federation: a domain without a server", not_found),
            ("federation: too much waits", queue_limit)]
