# SPDX-License-Identifier: Apache-2.0
"""Revocation of clients' certificates (RFC 6120 s. 13.7.2, 13.7.2.3): lists that change, and an authority's responder that answers, is
silent, or says what does not count."""
import datetime
import http.server
import os
import threading
import time

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509 import ocsp
except ImportError:
    x509 = None

from clients import Missing, must
from raw import local
from test_certificates import CLIENT_AUTH, Certified, offers, with_authority
from test_login import NS_SASL2, bind

SOON_S = 40  # for what the daemon notices by itself, within fifteen seconds or so


def certificate(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def key(path):
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), None)


def seconds(offset_s):
    return datetime.datetime.utcfromtimestamp(int(time.time()) + offset_s)


def list_write(authority, pairs=(), until_s=3600):
    """The authority's list with these certificates on it, put in place at once."""
    issuer = certificate(authority.certificate)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(seconds(-7200)).next_update(seconds(until_s))
    for path, _ in pairs:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate(path).serial_number).revocation_date(seconds(-60))
        builder = builder.add_revoked_certificate(entry.build())
    text = builder.sign(key(authority.key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = os.path.join(authority.folder, "list.crl")
    with open(path + ".new", "wb") as file:
        file.write(text)
    os.rename(path + ".new", path)
    return path


class Responder:
    """Answers about certificates: `status` of each, or whatever `mode` says instead. One for the whole process, made at first use."""

    def __init__(self):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                question = self.rfile.read(int(self.headers["Content-Length"]))
                responder.asked += 1
                answer = responder.answer(question)
                if answer is None:
                    responder.over.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ocsp"
        self.over = threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self, authority, pair=None):
        self.authority, self.pair, self.asked, self.mode, self.lives_s, self.status = authority, pair, 0, "", 3600, ocsp.OCSPCertStatus.GOOD
        self.over.clear()

    def answer(self, question):
        if self.mode == "silent":
            return None
        if self.mode == "rubbish":
            return b"certainly not"
        if self.mode == "huge":
            return b"\x30\x84\x7f\xff\xff\xff" + bytes(1000000)
        if self.mode == "later":
            return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(serialization.Encoding.DER)
        issuer = certificate(self.authority.certificate)
        signer, signing = (self.pair if self.mode == "another signer" else (self.authority.certificate, self.authority.key))
        is_revoked = self.status == ocsp.OCSPCertStatus.REVOKED
        about = certificate(self.pair[0]) if self.mode != "about another" else issuer
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=about, issuer=issuer, algorithm=hashes.SHA1(), cert_status=self.status,
            this_update=seconds(-7200 if self.mode == "old" else -5), next_update=seconds(-3600 if self.mode == "old" else self.lives_s),
            revocation_time=seconds(-60) if is_revoked else None, revocation_reason=None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate(signer))
        return builder.sign(key(signing), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def with_list(test, check):
    return with_authority(test, lambda authority: f"client_crls: {list_write(authority)}, client_crl_check: {check}, ")


RESPONDER = []


def with_responder(test, check, is_named=True):
    def settings(authority):
        if not RESPONDER:
            RESPONDER.append(Responder())
        RESPONDER[0].begin(authority)
        return f"client_ocsp: {check}, " + (f"client_ocsp_responder: '{RESPONDER[0].url}', " if is_named else "")

    def run_it(bench, authority):
        try:
            test(bench, authority, RESPONDER[0])
        finally:
            RESPONDER[0].over.set()
    return with_authority(run_it, settings)


def connect(bench, pair):
    return bench.on_close(Certified(bench.server, pair)).open()


def log_in(bench, pair):
    """A session by certificate, or the element that says why not."""
    raw = connect(bench, pair)
    answer = raw.authenticate("EXTERNAL", "", bind())
    if local(answer) == "success":
        raw.settle(answer)
    return raw, answer


def must_be_in(bench, pair, why):
    raw, answer = log_in(bench, pair)
    must(local(answer) == "success", f"{why}: not in")
    return raw


def must_be_out(bench, pair, condition, why):
    raw, answer = log_in(bench, pair)
    must(local(answer) == "failure", f"{why}: in")
    raw.expect_failure(answer, condition)


def soon(fact, what):
    until = time.monotonic() + SOON_S
    while not fact():
        must(time.monotonic() < until, f"not within {SOON_S} seconds: {what}")
        time.sleep(0.2)


def wait_reset(raw, text):
    error = raw.next(SOON_S)
    must(error is not None and local(error) == "error" and [local(child) for child in error] == ["reset", "text"], f"{error}")
    must(text in error[1].text, error[1].text)


def listed(bench, authority):
    """Who is put on a list loses the session and is not offered EXTERNAL any more; others go on, and a password does as ever."""
    one, two = bench.account("cert"), bench.account("cert")
    pair, other = authority.make([one[0]], [CLIENT_AUTH]), authority.make([two[0]], [CLIENT_AUTH])
    raw, neighbour = must_be_in(bench, pair, "on no list"), must_be_in(bench, other, "on no list")
    by_password = connect(bench, pair)
    must(local(by_password.scram(*one)) == "success", "refused")
    by_password.open()
    by_password.bind("password")
    list_write(authority, [pair])
    wait_reset(raw, "revoked")
    refused = connect(bench, pair)
    must(not offers(refused), "EXTERNAL is offered to who is on the list")
    must(local(refused.scram(*one)) == "success", "a password does not do any more")
    by_password.ping()
    neighbour.ping()
    must(offers(connect(bench, other)), "EXTERNAL is not offered to who is not on the list")
    must(bench.server.stat("certificates_ended_revoked") == 1 and bench.server.stat("crls_read") == 1, "counted otherwise")


def unread(bench, authority):
    """A file that cannot be read leaves the list that there was in force, and one that can be read again takes its place."""
    account = bench.account("cert")
    pair = authority.make([account[0]])
    path = list_write(authority)
    must(offers(connect(bench, pair)), "not offered")
    with open(path, "w") as file:
        file.write("-----BEGIN X509 CRL-----\n")
    soon(lambda: (connect(bench, pair), bench.server.stat("crls_unread"))[1] == 1, "a file that cannot be read is noticed")
    must(offers(connect(bench, pair)), "not offered any more")
    list_write(authority, [pair])
    soon(lambda: not offers(connect(bench, pair)), "the next list is read")


def stale(bench, authority, is_hard):
    account = bench.account("cert")
    pair, revoked = authority.make([account[0]]), authority.make([account[0]])
    list_write(authority, [revoked], until_s=-60)
    soon(lambda: (connect(bench, pair), bench.server.stat("crls_read"))[1] == 1, "the list is read")
    must(offers(connect(bench, pair)) != is_hard, "a list out of date counts otherwise")
    must(not offers(connect(bench, revoked)), "offered to who is on a list out of date")
    must(bench.server.stat("certificates_unknown") > 0, "not counted")


def asked(bench, authority, responder):
    """Who is good is in, and is not asked about twice; one that is revoked is not, nor one that nobody answers for."""
    account = bench.account("cert")
    good = responder.pair = authority.make([account[0]], [CLIENT_AUTH])
    raw = must_be_in(bench, good, "good")
    must_be_in(bench, good, "still good")
    must(responder.asked == 1, f"asked {responder.asked} times")
    responder.pair = authority.make([account[0]], [CLIENT_AUTH])
    responder.status = ocsp.OCSPCertStatus.REVOKED
    must_be_out(bench, responder.pair, "not-authorized", "revoked")
    responder.status = ocsp.OCSPCertStatus.UNKNOWN
    responder.pair = authority.make([account[0]], [CLIENT_AUTH])
    must_be_out(bench, responder.pair, "temporary-auth-failure", "unknown to the responder")
    responder.status = ocsp.OCSPCertStatus.GOOD
    for mode in ("another signer", "about another", "old", "later"):
        responder.mode, responder.pair = mode, authority.make([account[0]], [CLIENT_AUTH])
        must_be_out(bench, responder.pair, "temporary-auth-failure", mode)
    responder.mode, responder.pair = "", authority.make([account[0]], [CLIENT_AUTH])
    must_be_in(bench, responder.pair, "good")
    must_be_in(bench, good, "good all the time")
    raw.ping()
    must(local(connect(bench, good).scram(*account)) == "success", "a password does not do any more")


def without_an_answer(bench, authority, responder, is_hard, modes=("rubbish", "huge", "silent")):
    """No answer that counts: in or out, as is configured. Others log in meanwhile, and a stop need not wait for long."""
    account = bench.account("cert")
    for mode in modes:
        responder.mode, responder.asked = mode, 0
        responder.pair = authority.make([account[0]], [CLIENT_AUTH])
        raw, other = connect(bench, responder.pair), connect(bench, responder.pair)
        raw.send(f"<authenticate xmlns='{NS_SASL2}' mechanism='EXTERNAL'><initial-response>=</initial-response>{bind()}</authenticate>")
        must(local(other.scram(*account)) == "success", "a password does not do meanwhile")
        answer = raw.next()
        must(local(answer) == ("failure" if is_hard else "success"), f"{mode}: {local(answer)}")
        must(not is_hard or local(answer[0]) == "temporary-auth-failure", f"{mode}: {local(answer[0])}")
        again, answer = log_in(bench, responder.pair)
        must(local(answer) == ("failure" if is_hard else "success"), f"{mode}, again: {local(answer)}")
        must(responder.asked == 1, f"{mode}: asked {responder.asked} times")
        must(bench.server.stat("ocsp_failed") == 1, "counted otherwise")
        must(bench.server.restart() == 0, "a stop that was not clean")


def asked_again(bench, authority, responder):
    """The answer's time is over: it is asked again, and what was revoked meanwhile ends the session."""
    account = bench.account("cert")
    responder.pair = authority.make([account[0]], [CLIENT_AUTH], more=f"authorityInfoAccess=OCSP;URI:{responder.url}\n")
    responder.lives_s = 5
    raw = must_be_in(bench, responder.pair, "good")
    responder.status = ocsp.OCSPCertStatus.REVOKED
    wait_reset(raw, "revoked")
    must(responder.asked == 2, f"asked {responder.asked} times")
    must_be_out(bench, responder.pair, "not-authorized", "revoked")


def missing(bench):
    raise Missing("python3-cryptography makes the lists and the responder's answers")


def tests(server):
    if not server.is_musterd:
        return
    if x509 is None:
        yield "revocation: lists and responders", missing
        return
    yield "revocation: a list that changes", with_list(listed, "hard")
    yield "revocation: a list that cannot be read", with_list(unread, "soft")
    yield "revocation: a list out of date, hard", with_list(lambda bench, authority: stale(bench, authority, True), "hard")
    yield "revocation: a list out of date, soft", with_list(lambda bench, authority: stale(bench, authority, False), "soft")
    yield "revocation: a responder is asked", with_responder(asked, "hard")
    yield "revocation: a responder without an answer, hard", with_responder(
        lambda bench, authority, responder: without_an_answer(bench, authority, responder, True), "hard")
    yield "revocation: a responder without an answer, soft", with_responder(
        lambda bench, authority, responder: without_an_answer(bench, authority, responder, False, ("silent",)), "soft")
    yield "revocation: a responder is asked again", with_responder(asked_again, "soft", is_named=False)
