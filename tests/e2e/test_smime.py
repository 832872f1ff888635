# SPDX-License-Identifier: Apache-2.0
"""Stanzas signed end to end (RFC 3923) through the daemon: slixmpp signs with certificates made here, and what it did wrong is told. The case numbers
are those of docs/smime.md."""
import itertools
import os
import time
from xml.sax.saxutils import escape

import test_revocation
from clients import Missing, must
from federation import MONTAGUE, FederatedMusterd
from raw import local
from test_admin import with_settings
from test_certificates import CLIENT_AUTH, IM_URI, Authority
from test_federation_pairs import Pair
from test_revocation import list_write, soon

IDS = itertools.count(1)


class Stage:
    """A server that verifies, and two clients: juliet signs, romeo asks for marks and listens."""

    def __init__(self, bench, mode, keys="", made=lambda authority: ""):
        if test_revocation.x509 is None:
            raise Missing("python3-cryptography is not installed")
        self.bench, self.server = bench, bench.server
        self.authority = Authority(bench.server.folder, "im-authority")
        self.server.extra = (f"smime: {{mode: {mode}, anchors: {self.authority.certificate}{keys}{made(self.authority)}}}\n")
        self.server.restart()
        self.juliet_account, self.romeo_account = bench.account("juliet"), bench.account("romeo")
        self.romeo = self.connect(self.romeo_account, self.pair(self.romeo_account))
        if mode in ("annotate", "enforce"):
            self.romeo.ask("marks")

    def pair(self, account, usage=(IM_URI,), **more):
        return self.authority.make([account[0]], usage, **more)

    def connect(self, account, pair):
        client = self.bench.client("slixmpp")
        client.connect(self.server, *account, "starttls", signs=",".join(pair))
        client.appear()
        return client

    def juliet(self, pair=None):
        return self.connect(self.juliet_account, pair or self.pair(self.juliet_account))

    def say(self, juliet, kind="message", said="Wherefore art thou?", **more):
        """(id, the object's text)"""
        name = f"s{next(IDS)}"
        juliet.send("signed", id=name, kind=kind, to=self.romeo.jid, said=said, raw="yes", **more)
        return name, juliet.expect("said", id=name)["text"]

    def arrives(self, juliet, kind="message", **more):
        """What romeo gets: as it was said, and marked."""
        name, text = self.say(juliet, kind, **more)
        heard = self.romeo.expect("object", id=name)
        juliet.expect_none("refused", id=name)
        must(heard["text"] == text, f"the object was touched: {heard['text']!r}, not {text!r}")
        return heard

    def is_refused(self, juliet, reason, condition="unverified-signature", kind="message", **more):
        name, _ = self.say(juliet, kind, **more)
        error = juliet.expect("refused", id=name)
        must((error["type"], error["condition"], error["more"], error["text"]) == ("modify", "not-acceptable", condition, reason), f"{error}")
        self.romeo.expect_none("object", id=name)


def stage(test, mode, keys="", made=lambda authority: ""):
    return with_settings("", lambda bench: test(Stage(bench, mode, keys, made)))


def annotated(s):
    """V6, V7: romeo gets the untouched object and the mark, of a message and of presence; an iq unmarked."""
    juliet = s.juliet()
    for kind in ("message", "presence"):
        heard = s.arrives(juliet, kind)
        must((heard["result"], heard["jid"], heard["eku"]) == ("valid", juliet.bare, "im"), f"{heard}")
    s.romeo.send("presence", to=juliet.jid)  # or nobody may ask (RFC 6121 s. 8.5.3.1)
    juliet.expect("presence", **{"from": s.romeo.jid})
    heard = s.arrives(juliet, "iq", said="<iq type='get' id='1'><query xmlns='jabber:iq:version'/></iq>")
    must(not heard.get("mark"), f"an iq is marked: {heard}")
    heard = s.arrives(juliet, tamper="octet")
    must((heard["result"], heard["reason"]) == ("invalid", "digest-mismatch"), f"{heard}")
    heard = s.arrives(juliet, body="Something else")
    must((heard["result"], heard["beside"]) == ("valid", "body"), f"I20: {heard}")
    stranger = s.connect(s.bench.account("tybalt"), s.pair(s.juliet_account))
    heard = s.arrives(stranger)
    must((heard["result"], heard["reason"]) == ("invalid", "name-mismatch"), f"{heard}")
    must(s.server.stat("smime_ok") == 4 and s.server.stat("smime_digest_mismatch") == 1, "counted otherwise")
    must("urn:xmpp:muster:e2e:0" in juliet.ask("disco", to="localhost")["features"], "the feature is not told of")


def enforced(s):
    """I1, I12, I13: a changed octet, a stale time, a replay, and no certificate are refused with the right condition."""
    juliet = s.juliet()
    s.is_refused(juliet, "no-cert", tamper="bare")
    _, text = s.say(juliet)
    s.romeo.expect("object", text=text)
    s.is_refused(juliet, "digest-mismatch", tamper="octet")
    s.is_refused(juliet, "old-timestamp", "bad-timestamp", offset="-310")
    s.is_refused(juliet, "future-timestamp", "bad-timestamp", offset="310")
    s.is_refused(juliet, "replay", "bad-timestamp", text=text)
    s.is_refused(juliet, "digest-mismatch", kind="presence", tamper="octet")
    # V8: known by now, so it may be left out.
    heard = s.arrives(juliet, tamper="bare")
    must(heard["result"] == "valid", f"V8: {heard}")
    must(s.server.stat("smime_stanzas_refused") == 6, "counted otherwise")


def certificates(s):
    """I4, I5, I7, I8: whose certificate it is not, when, and what it is for."""
    other = Authority(s.server.folder, "other-authority")
    rows = (("I4", other.make([s.juliet_account[0]], [IM_URI]), "chain"),
            ("I5", s.pair(s.juliet_account, lives_s=-10), "expired"),
            ("I5", s.pair(s.juliet_account, age_s=-1000), "not-yet-valid"),
            ("I7", s.pair(s.juliet_account, ()), "eku-missing"),
            ("I7", s.pair(s.juliet_account, [CLIENT_AUTH]), "eku-wrong"),
            ("I8", s.pair(s.juliet_account, more="keyUsage=critical,keyAgreement\n"), "ku-wrong"),
            ("I10", s.pair(s.romeo_account), "name-mismatch"))
    for case, pair, reason in rows:
        juliet = s.juliet(pair)
        s.is_refused(juliet, reason)
        juliet.close()
    mixed = s.juliet(s.pair(s.juliet_account, [IM_URI, CLIENT_AUTH]))
    heard = s.arrives(mixed)
    must((heard["result"], heard["eku"]) == ("valid", "im-mixed"), f"I7: {heard}")


def listed(s):
    """I6: who is put on a list is refused within seconds, without a restart; the mark of a time before stays what it was."""
    pair = s.pair(s.juliet_account)
    juliet = s.juliet(pair)
    must(s.arrives(juliet)["result"] == "valid", "not on the list")
    list_write(s.authority, [pair])

    def is_revoked():
        name, _ = s.say(juliet)
        return bool(juliet.seen("refused", id=name, text="revoked")) or s.server.stat("smime_revoked") > 0
    soon(is_revoked, "the list is read again")
    must(s.server.stat("smime_files_read") == 1 and s.server.stat("smime_crls_stale_s") > time.time(), "counted otherwise")
    must(s.server.stat("smime_anchors_expire_s") > time.time(), "the anchors' end is not told")


def reloaded(s):
    """The directory of trust is read again when it changes; what cannot be read leaves the old one in force."""
    other = Authority(s.server.folder, "other-authority")
    juliet = s.juliet(other.make([s.juliet_account[0]], [IM_URI]))
    s.is_refused(juliet, "chain")

    def put(text):
        with open(s.authority.certificate + ".new", "w") as file:
            file.write(text)
        os.rename(s.authority.certificate + ".new", s.authority.certificate)
    put("-----BEGIN CERTIFICATE-----\n")
    soon(lambda: (s.say(juliet), s.server.stat("smime_files_unread"))[1] == 1, "a file that cannot be read is noticed")
    with open(other.certificate) as file:
        put(file.read())
    soon(lambda: (s.say(juliet), s.server.stat("smime_files_read"))[1] == 1, "the next file is read")
    must(s.arrives(juliet)["result"] == "valid", "the new authority does not count")


def asked(s, is_hard):
    """I6: a responder says good, or revoked, or nothing that counts."""
    responder = test_revocation.RESPONDER[0]
    ocsp = test_revocation.ocsp
    responder.begin(s.authority)
    good = responder.pair = s.pair(s.juliet_account)
    juliet = s.juliet(good)
    must(s.arrives(juliet)["result"] == "valid", "good")
    must(s.arrives(juliet)["result"] == "valid" and responder.asked == 1, f"asked {responder.asked} times")
    juliet.close()
    responder.status, responder.pair = ocsp.OCSPCertStatus.REVOKED, s.pair(s.juliet_account)
    juliet = s.juliet(responder.pair)
    s.is_refused(juliet, "revoked")
    juliet.close()
    responder.mode, responder.pair = "rubbish", s.pair(s.juliet_account)
    juliet = s.juliet(responder.pair)
    if is_hard:
        s.is_refused(juliet, "chain")
    else:
        must(s.arrives(juliet)["result"] == "valid", "soft")
    must(s.server.stat("smime_ocsp_failed") == 1, "counted otherwise")


def gone_before(s):
    """Who closes her stream and her connection while her signer's authority is asked has said what she said."""
    responder = test_revocation.RESPONDER[0]
    responder.begin(s.authority)
    responder.mode = "silent"
    juliet = s.juliet()
    try:
        name, text = s.say(juliet)
        soon(lambda: responder.asked == 1, "the responder is asked")
        juliet.close()
        s.romeo.expect_none("object", id=name)
    finally:
        responder.over.set()
    heard = s.romeo.expect("object", id=name)
    must(heard["text"] == text and heard["result"] == "valid", f"{heard}")


def with_responder(test, more, mode="enforce"):
    def made(authority):
        if not test_revocation.RESPONDER:
            test_revocation.RESPONDER.append(test_revocation.Responder())
        return f", ocsp: {more}, ocsp_responder: '{test_revocation.RESPONDER[0].url}'"
    return stage(test, mode, made=made)


def kept(s):
    """What waits offline, and what the archive gives back, is the object as it was, without a mark."""
    juliet = s.juliet()
    address = s.romeo.bare
    s.romeo.close()
    name = f"s{next(IDS)}"
    juliet.send("signed", id=name, kind="message", to=address, said="Later")
    text = juliet.expect("said", id=name)["text"]
    juliet.ask("ping", to="localhost")
    romeo = s.bench.client("slixmpp")
    romeo.connect(s.server, *s.romeo_account, "starttls", signs=",".join(s.pair(s.romeo_account)))
    romeo.ask("marks")
    romeo.send("presence")
    heard = romeo.expect("object", id=name)
    must(heard["text"] == text and not heard.get("mark"), f"{heard}")
    must(s.server.stat("messages_archived") == 2, "an object is not archived")


def observed(s):
    """Nothing but counters; nobody is told that there could be more."""
    juliet = s.juliet()
    heard = s.arrives(juliet, tamper="octet")
    must(not heard.get("mark") and s.server.stat("smime_digest_mismatch") == 1, f"{heard}")
    must("urn:xmpp:muster" not in juliet.ask("disco", to="localhost")["features"], "the feature is told of")


def between_servers(bench):
    """V6 and the order, of another server's user: what verifies is marked, what does not is refused, what comes behind stays behind."""
    if test_revocation.x509 is None:
        raise Missing("python3-cryptography is not installed")
    from smime_object import entity, pair_read, signed, stamp
    authority = Authority(bench.server.folder, "authority-of-both")
    keys = pair_read(*authority.make([f"romeo@{MONTAGUE}"], [IM_URI]))
    settings = f"\nsmime: {{mode: enforce, anchors: {authority.certificate}}}"
    with Pair(bench, FederatedMusterd, settings) as pair:
        juliet, romeo = pair.juliet, pair.romeo
        must(juliet.ask("<iq type='set' id='m'><enable xmlns='urn:xmpp:muster:e2e:0'/></iq>", "m").get("type") == "result", "no marks")

        def say(name, text):
            return (f"<message to='{juliet.jid}' type='chat' id='{name}'><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>{escape(text)}</e2e>"
                    "<e2e-status xmlns='urn:xmpp:muster:e2e:0' result='valid' jid='tybalt@verona.example'/></message>")
        texts = [signed(entity("message", f"romeo@{MONTAGUE}", pair.juliet.jid.split("/")[0], f"line {n}", stamp()), *keys) for n in range(3)]
        plain = f"<message to='{juliet.jid}' type='chat' id='%s'><body>plain</body></message>"
        romeo.send(say("1", texts[0]) + plain % "2" + say("3", texts[1].replace("line 1", "lime 1")) + plain % "4" + say("5", texts[2]))
        for name in ("1", "2", "4", "5"):
            heard = juliet.take(lambda e: local(e) == "message", "message")
            marks = heard.findall("{urn:xmpp:muster:e2e:0}e2e-status")
            must(heard.get("id") == name, f"message {heard.get('id')}, not {name}")
            must([(mark.get("result"), mark.get("jid")) for mark in marks] == [("valid", f"romeo@{MONTAGUE}")] * (name in "15"), f"{name}: marks")
            must(name not in "15" or heard.findtext("{urn:ietf:params:xml:ns:xmpp-e2e}e2e") == texts[int(name) // 2], "the object was touched")
        error = romeo.take(lambda e: local(e) == "message" and e.get("type") == "error", "error")
        must(error.get("id") == "3" and romeo.condition(error) == "not-acceptable", f"{error.attrib}")
        must(error.find(".//{urn:ietf:params:xml:ns:xmpp-e2e}unverified-signature") is not None, "the condition of RFC 3923")
        must(pair.capulet.stat("smime_marks_removed") == 2, "forged marks")


def tests(server):
    if not server.is_musterd:
        return
    yield "smime: V6 V7 I20 what is signed arrives untouched and marked", stage(annotated, "annotate")
    yield "smime: I1 I12 I13 V8 what does not verify is refused", stage(enforced, "enforce")
    yield "smime: I4 I5 I7 I8 I10 certificates that do not count", stage(certificates, "enforce")
    yield "smime: I6 who is put on a list is refused", stage(listed, "enforce", made=lambda a: f", crls: {list_write(a)}")
    yield "smime: the directory of trust is read again", stage(reloaded, "enforce")
    yield "smime: I6 a responder is asked, hard", with_responder(lambda s: asked(s, True), "hard")
    yield "smime: I6 a responder is asked, soft", with_responder(lambda s: asked(s, False), "soft")
    yield "smime: who closes before the verdict has said it", with_responder(gone_before, "soft, timeout_ms: 20000")
    yield "smime: what is kept is the object without a mark", stage(kept, "annotate")
    yield "smime: I1 I21 of another server's users, in their order", between_servers
    yield "smime: observing changes nothing", stage(observed, "observe")
