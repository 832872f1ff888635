# SPDX-License-Identifier: Apache-2.0
"""SASL2, Bind 2 and FAST (XEP-0388, 0386, 0484) against a real server: by hand over real TLS, and with @xmpp/client."""
import base64
import hashlib
import hmac
import os
import time
import uuid

from clients import DEADLINE_S, Failure, must
from raw import NS_SASL, Raw, b64, local
from test_admin import with_settings

NS_SASL2 = "urn:xmpp:sasl:2"
NS_BIND2 = "urn:xmpp:bind:0"
NS_FAST = "urn:xmpp:fast:0"


class Sasl2(Raw):
    """A connection that logs in by SASL2."""

    def offered(self, path):
        return [m.text for m in self.features.findall(f"{{{NS_SASL2}}}authentication/{path}")]

    def authenticate(self, mechanism, initial, inside=""):
        self.send(f"<authenticate xmlns='{NS_SASL2}' mechanism='{mechanism}'><initial-response>{b64(initial)}</initial-response>{inside}"
                  "</authenticate>")
        return self.next()

    def scram2(self, account, inside="", mechanism="SCRAM-SHA-256", gs2="n,,", bound=b"", tamper=lambda message: message):
        """Returns success or failure; the server's signature and the hash of what was announced are checked."""
        jid, password = account
        first = f"n={jid.split('@')[0]},r={b64(os.urandom(18))}"
        answer = self.authenticate(mechanism, gs2 + first, inside)
        if local(answer) != "challenge":
            return answer
        server_first = base64.b64decode(answer.text).decode()
        values = dict(part.split("=", 1) for part in server_first.split(","))
        types = [t.get("type") for t in self.features.iter("{urn:xmpp:sasl-cb:0}channel-binding")]
        announced = "\x1e".join(sorted(self.offered(f"{{{NS_SASL2}}}mechanism")))
        if types:
            announced += "\x1f" + "\x1e".join(sorted(types))
        must(values["h"] == b64(hashlib.sha256(announced.encode()).digest()), "the hash of what was announced is wrong")
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        mac = lambda key, text: hmac.new(key, text.encode(), "sha256").digest()
        final = f"c={b64(gs2.encode() + bound)},r={values['r']}"
        message = f"{first},{tamper(server_first)},{final}"
        client_key = mac(salted, "Client Key")
        proof = bytes(a ^ b for a, b in zip(client_key, mac(hashlib.sha256(client_key).digest(), message)))
        self.send(f"<response xmlns='{NS_SASL2}'>{b64(f'{final},p={b64(proof)}')}</response>")
        answer = self.next()
        if answer.tag == f"{{{NS_SASL2}}}success":
            wanted = "v=" + b64(mac(mac(salted, "Server Key"), message))
            must(base64.b64decode(answer.findtext(f"{{{NS_SASL2}}}additional-data")).decode() == wanted, "the server's signature is wrong")
            self.settle(answer)
        return answer

    def end_point(self):
        return hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()

    def fast(self, account, token, inside="", mechanism="HT-SHA-256-NONE", bound=None):
        bound = (self.end_point() if mechanism.endswith("ENDP") else b"") if bound is None else bound
        mac = lambda role: hmac.new(token.encode(), role + bound, "sha256").digest()
        answer = self.authenticate(mechanism, account[0].split("@")[0].encode() + b"\0" + mac(b"Initiator"), inside)
        if answer.tag == f"{{{NS_SASL2}}}success":
            said = base64.b64decode(answer.findtext(f"{{{NS_SASL2}}}additional-data"))
            must(said == mac(b"Responder"), "the server does not know the token")
            self.settle(answer)
        return answer

    def settle(self, success):
        """Features follow, and no new stream."""
        self.jid = success.findtext(f"{{{NS_SASL2}}}authorization-identifier")
        self.features = self.next()
        must(local(self.features) == "features", "no features follow")

    def expect_failure(self, answer, condition):
        found = None if answer is None else [local(child) for child in answer]
        must(answer is not None and answer.tag == f"{{{NS_SASL2}}}failure" and found == [condition], f"{found}, wanted {condition}")


def secure(bench, tls="starttls"):
    raw = bench.on_close(Sasl2(bench.server, tls))
    return raw.secure() if tls == "starttls" else raw.open()


AGENT = str(uuid.uuid4())


def agent(name=AGENT):
    return f"<user-agent id='{name}'><software>raw</software></user-agent>"


def bind(tag="raw", more=""):
    return f"<bind xmlns='{NS_BIND2}'><tag>{tag}</tag>{more}</bind>"


def request(mechanism):
    return f"<request-token xmlns='{NS_FAST}' mechanism='{mechanism}'/>"


def token_of(success):
    token = success.find(f"{{{NS_FAST}}}token")
    return None if token is None else token.get("token")


FAST = f"<fast xmlns='{NS_FAST}'/>"


def log_in(bench):
    """Announced after TLS only; a log-in with a resource, the session works, and another one takes its place."""
    account = bench.account("sasl2")
    raw = bench.on_close(Sasl2(bench.server)).open()
    must(not raw.offered(f"{{{NS_SASL2}}}mechanism"), "SASL2 is offered before TLS")
    raw = secure(bench)
    must("SCRAM-SHA-256-PLUS" in raw.offered(f"{{{NS_SASL2}}}mechanism"), "no channel binding is offered")
    must(raw.offered(f"{{{NS_SASL2}}}inline/{{{NS_BIND2}}}bind"), "Bind 2 is not offered")
    raw.scram2(account, agent() + bind(), "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", raw.end_point())
    must(raw.jid.startswith(account[0] + "/raw."), f"bound as {raw.jid}")
    raw.ping()
    second = secure(bench, "direct")
    second.scram2(account, agent() + bind())
    must(second.jid == raw.jid, f"{second.jid} is not {raw.jid}")
    raw.expect_stream_error("conflict")
    second.ping()


def tampered(bench):
    """Who takes a mechanism off the list and mends the hash changes what the client signs."""
    account = bench.account("sasl2")
    raw = secure(bench)
    raw.expect_failure(raw.scram2(account, tamper=lambda text: text.replace(",h=", ",h=A")), "not-authorized")
    raw.expect_failure(raw.scram2((account[0], "wrong")), "not-authorized")
    answer = raw.scram(*account)  # RFC 6120's form after that, on the same stream
    must(local(answer) == "success" and answer.tag == f"{{{NS_SASL}}}success", "no log-in after failures")
    raw.open()
    must(raw.bind("r").get("type") == "result", "no bind")


def other_sender(bench):
    """`from` of the header names somebody else than the authorisation identity."""
    account, other = bench.account("sasl2"), bench.account("sasl2")
    raw = bench.on_close(Sasl2(bench.server, "direct")).open(more=f" from='{other[0]}'")
    raw.expect_failure(raw.scram2(account, gs2=f"n,a={account[0]},"), "invalid-authzid")
    raw.scram2(account)
    must(raw.jid == account[0], f"in as {raw.jid}")


def tokens(mechanism):
    def test(bench):
        account = bench.account("fast")
        raw = secure(bench)
        must(mechanism in raw.offered(f"{{{NS_SASL2}}}inline/{{{NS_FAST}}}fast/{{{NS_FAST}}}mechanism"), f"{mechanism} is not offered")
        token = token_of(raw.scram2(account, agent() + request(mechanism)))
        must(token, "no token was given")
        raw = secure(bench, "direct")
        must(raw.fast(account, token, agent() + FAST + bind(), mechanism).tag == f"{{{NS_SASL2}}}success", "refused")
        raw.ping()
        # another channel, another mechanism, another installation, another account
        raw = secure(bench)
        if not mechanism.endswith("NONE"):
            raw.expect_failure(raw.fast(account, token, agent() + FAST, mechanism, os.urandom(32)), "not-authorized")
        raw.expect_failure(raw.fast(account, token, agent() + FAST, "HT-SHA-256-NONE" if mechanism != "HT-SHA-256-NONE"
                                    else "HT-SHA-256-ENDP"), "not-authorized")
        raw = secure(bench)
        raw.expect_failure(raw.fast(account, token, agent(str(uuid.uuid4())) + FAST, mechanism), "not-authorized")
        raw.expect_failure(raw.fast(bench.account("fast"), token, agent() + FAST, mechanism), "not-authorized")
        # a restart does not matter, a new password does
        bench.server.restart()
        raw = secure(bench)
        must(raw.fast(account, token, agent() + FAST, mechanism).tag == f"{{{NS_SASL2}}}success", "refused after a restart")
        bench.server.musterctl("user", "add", "--replace", account[0], body="another password\n")
        raw = secure(bench)
        raw.expect_failure(raw.fast(account, token, agent() + FAST, mechanism), "not-authorized")
    return test


def expiring(bench):
    """It expires, and before that it is replaced."""
    account = bench.account("fast")
    mechanism = "HT-SHA-256-NONE"
    old = token_of(secure(bench).scram2(account, agent() + request(mechanism)))
    bench.server.extra = "sasl: {token_lifetime_s: 31536000}\n"
    bench.server.restart()  # now it has less than half of its time left
    new = token_of(secure(bench).fast(account, old, agent() + FAST))
    must(new and new != old, f"after {old}: {new}")
    must(secure(bench).fast(account, old, agent() + FAST).tag == f"{{{NS_SASL2}}}success", "the old one is refused too early")
    new = token_of(secure(bench).fast(account, old, agent() + FAST))
    must(token_of(secure(bench).fast(account, new, agent() + FAST)) is None, "replaced for nothing")
    raw = secure(bench)
    raw.expect_failure(raw.fast(account, old, agent() + FAST), "not-authorized")


def password_changed(bench):
    """The password is changed while a log-in with the old one is under way: it succeeds, and gets no token that would outlive the change."""
    account = bench.account("fast")
    mechanism = "HT-SHA-256-NONE"

    def change(message):
        bench.server.musterctl("user", "add", "--replace", account[0], body="another password\n")
        return message
    answer = secure(bench).scram2(account, agent() + request(mechanism), tamper=change)
    must(answer.tag == f"{{{NS_SASL2}}}success", "refused")
    must(token_of(answer) is None, "a token was given for a password that had been changed")
    must(token_of(secure(bench).scram2((account[0], "another password"), agent() + request(mechanism))), "no token was given")


def expired(bench):
    """Good until its second is over, then never again, and the failure says why."""
    account = bench.account("fast")
    token = token_of(secure(bench).scram2(account, agent() + request("HT-SHA-256-NONE")))
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        raw = secure(bench, "direct")
        answer = raw.fast(account, token, agent() + FAST)
        if answer.tag == f"{{{NS_SASL2}}}failure":
            raw.expect_failure(answer, "credentials-expired")
            must(raw.scram2(account).tag == f"{{{NS_SASL2}}}success", "the password does not do any more")
            return
        raw.close()
    raise Failure("it never expires")


def real_client(bench):
    """@xmpp/client: SCRAM the first time, its token the second, both with Bind 2."""
    jid, password = bench.account("fast")
    agent = str(uuid.uuid4())
    client = bench.client("xmppjs")
    client.send("connect", jid=jid + "/js", password=password, host="127.0.0.1", port=str(bench.server.starttls_port), tls="starttls",
                agent=agent)
    client.jid = client.expect("online")["jid"]
    must(client.jid.startswith(jid + "/js."), f"bound as {client.jid}")
    token = client.expect("token")
    client.ask("ping", to="localhost")
    client.close()
    client = bench.client("xmppjs")
    client.send("connect", jid=jid + "/js", password="not the password", host="127.0.0.1", port=str(bench.server.direct_port),
                tls="direct", agent=agent, token=token["token"], mechanism=token["mechanism"], expiry=token["expiry"])
    client.jid = client.expect("online")["jid"]
    client.ask("ping", to="localhost")


def tests(server):
    if not server.is_musterd:
        return
    yield "login: SASL2 and Bind 2", log_in
    yield "login: what was announced is signed", tampered
    yield "login: from and authorisation identity", other_sender
    for mechanism in ("HT-SHA-256-NONE", "HT-SHA-256-ENDP"):
        yield f"login: tokens, {mechanism}", tokens(mechanism)
    yield "login: tokens grow old", with_settings("", expiring)
    yield "fast: the password is changed meanwhile", password_changed
    yield "login: tokens expire", with_settings("sasl: {token_lifetime_s: 1}", expired)
    yield "login: a real client's token", real_client
