# SPDX-License-Identifier: Apache-2.0
"""A client that means harm while it logs in: with certificates that prove nothing, and by the rules of SASL2 turned against it (XEP-0388,
0386, 0484). It gets no further than anybody without them, and every other session goes on."""
import os
import socket
import ssl
import uuid

from clients import Failure, must
from raw import NS_SASL, b64, local
from test_certificates import CLIENT_AUTH, IM_URI, Authority, Certified, offers, openssl, with_authority
from test_errors import beside_witnesses, witnesses_leave
from test_hostile import throw, until_end
from test_login import NS_BIND2, NS_FAST, NS_SASL2, Sasl2, agent, bind, request, token_of
from test_tls import ALERT_UNEXPECTED_MESSAGE, CONTENT_HANDSHAKE, refused

NS_SM = "urn:xmpp:sm:3"
XMPP_ADDR = "otherName:1.3.6.1.5.5.7.8.5"
GARBAGE = "ff" * 40


# ---- certificates ----

class Forger(Authority):
    """An authority that signs whatever it is asked to."""

    def sign(self, names=(), more=(), key=("ec", "ec_paramgen_curve:P-256"), issuer=None):
        """(certificate, key): `names` as openssl writes alternative names, `more` extensions; `issuer`: another (certificate, key)."""
        self.made += 1
        path = lambda kind: os.path.join(self.folder, f"forged{self.made}.{kind}")
        lines = ["[client]", *more]
        if names:
            lines += ["subjectAltName=@names", "[names]"]
            for number, name in enumerate(names, 1):
                kind, text = name.split(":", 1)
                lines.append(f"{kind}.{number}={text}")
        with open(path("cnf"), "w") as out:
            out.write("\n".join(lines) + "\n")
        certificate, private = issuer or (self.certificate, self.key)
        parameters = ("-pkeyopt", key[1]) if len(key) > 1 else ()
        openssl("req", "-newkey", key[0], *parameters, "-nodes", "-subj", f"/CN=forged{self.made}", "-keyout", path("key"), "-out", path("csr"))
        openssl("x509", "-req", "-in", path("csr"), "-CA", certificate, "-CAkey", private, "-set_serial", str(1000 + self.made), "-days", "1",
                "-extfile", path("cnf"), "-extensions", "client", "-out", path("pem"))
        return path("pem"), path("key")

    def self_signed(self, name):
        pair = os.path.join(self.folder, "self.pem"), os.path.join(self.folder, "self.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=self", "-days", "1",
                "-addext", f"subjectAltName={name}", "-addext", f"extendedKeyUsage={CLIENT_AUTH}", "-keyout", pair[1], "-out", pair[0])
        return pair

    def chain(self, name, length):
        """Signed by the last of so many authorities, which comes along with all of them."""
        issuer, above = None, []
        for _ in range(length):
            issuer = self.sign((), ("basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"), issuer=issuer)
            above.insert(0, issuer[0])
        pair = self.sign([name], issuer=issuer)
        with open(pair[0], "a") as out:
            for certificate in above:
                out.write(open(certificate).read())
        return pair

    def spoilt(self, name):
        """The last octet of the signature is another one."""
        pair = self.sign([name])
        der = os.path.join(self.folder, "spoilt.der")
        openssl("x509", "-in", pair[0], "-outform", "DER", "-out", der)
        octets = bytearray(open(der, "rb").read())
        octets[-1] ^= 1
        with open(der, "wb") as out:
            out.write(octets)
        openssl("x509", "-inform", "DER", "-in", der, "-out", pair[0])
        return pair


class Weak(Certified):
    """A client to which any key is strong enough."""

    def start_tls(self, alpn=None):
        context = ssl.create_default_context(cafile=self.server.ca)
        context.set_ciphers("ALL:@SECLEVEL=0")
        if alpn:
            context.set_alpn_protocols(alpn)
        context.load_cert_chain(*self.pair)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.is_tls = True


def address(text):
    """An id-on-xmppAddr of these octets, whatever they are."""
    octets = text if isinstance(text, bytes) else text.encode()
    return f"{XMPP_ADDR};IMP:12U,FORMAT:HEX,OCT:{octets.hex()}"


def proves_nothing(pair, account):
    """As without it: EXTERNAL is not offered, does not work, and the account's password does."""
    def test(bench):
        try:
            raw = bench.on_close(Weak(bench.server, pair)).open()
        except (OSError, ssl.SSLError, Failure):
            return  # TLS ended with it
        must(not offers(raw), "EXTERNAL is offered")
        raw.expect_sasl_failure(raw.auth("EXTERNAL", b64(account[0])), "invalid-mechanism")
        raw.expect_failure(raw.authenticate("EXTERNAL", account[0]), "invalid-mechanism")
        must(local(raw.scram(*account)) == "success", "a password does not do any more")
    return test


def takes_no_other(pair, own, victim):
    """A good certificate in both forms of SASL, for an account that it does not name; then for its own."""
    def test(bench):
        for name in (victim[0], victim[0].upper(), f"{own[0]}/r", "localhost", "@", f"{victim[0]}\0"):
            raw = bench.on_close(Certified(bench.server, pair)).open()
            answer = raw.authenticate("EXTERNAL", name)
            must(answer is not None and answer.tag == f"{{{NS_SASL2}}}failure", f"let in as {name!r} by SASL2")
            answer = raw.auth("EXTERNAL", b64(name))
            must(answer is not None and answer.tag == f"{{{NS_SASL}}}failure", f"let in as {name!r}")
        raw = bench.on_close(Certified(bench.server, pair)).open()
        raw.settle(raw.authenticate("EXTERNAL", own[0], bind()))
        raw.ping()
    return test


def among_many(pair, account, is_read):
    """So many addresses are read and no more; those beyond let nobody in."""
    def test(bench):
        raw = bench.on_close(Certified(bench.server, pair)).open()
        answer = raw.authenticate("EXTERNAL", account[0], bind())
        if not is_read:
            raw.expect_failure(answer, "invalid-authzid")
            must(local(raw.scram(*account)) == "success", "a password does not do any more")
            return
        raw.settle(answer)
        raw.ping()
    return test


def no_certificate_but(noise):
    def test(bench):
        with socket.create_connection(("127.0.0.1", bench.server.direct_port), timeout=20) as plain:
            plain.sendall(noise)
            plain.shutdown(socket.SHUT_WR)
            try:
                while plain.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    return test


def certificates(bench, authority):
    """Each beside witnesses."""
    forger = Forger(bench.server.folder, "forger")  # its certificate is not the server's to trust
    authority.__class__ = Forger
    own, victim = bench.account("cert"), bench.account("cert")
    name, jid = address(own[0]), own[0]
    leaf = "basicConstraints=CA:FALSE"
    many = [address(f"nobody{n}@localhost") for n in range(99)]
    rows = [
        ("expired", authority.make([jid], [CLIENT_AUTH], lives_s=-10, age_s=60)),
        ("not yet valid", authority.make([jid], [CLIENT_AUTH], age_s=-1000)),
        ("signed by itself", authority.self_signed(f"{XMPP_ADDR};UTF8:{jid}")),
        ("of an authority nobody knows", forger.make([jid], [CLIENT_AUTH])),
        ("with a spoilt signature", authority.spoilt(name)),
        ("of an authority itself", authority.sign([name], ["basicConstraints=critical,CA:TRUE", "keyUsage=digitalSignature,keyCertSign"])),
        ("for signing certificates", authority.sign([name], [leaf, "keyUsage=critical,keyCertSign"])),
        ("for servers", authority.sign([name], [leaf, "extendedKeyUsage=serverAuth"])),
        ("for messages", authority.sign([name], [leaf, f"extendedKeyUsage={IM_URI}"])),
        ("with an extension that nobody understands", authority.sign([name], [leaf, "1.2.3.4=critical,DER:0500"])),
        ("of another domain", authority.sign([address("cert@elsewhere.example")])),
        ("of a subdomain", authority.sign([address(jid.replace("@", "@x."))])),
        ("with a resource", authority.sign([address(f"{jid}/r")])),
        ("with an address that is not UTF-8", authority.sign([address(b"\xff\xfe" + jid.encode())])),
        ("with an address of overlong UTF-8", authority.sign([address(jid.encode().replace(b"@", b"\xc1\x80"))])),
        ("with an address and NUL", authority.sign([address(f"{jid}\0.example")])),
        ("with NUL and an address", authority.sign([address(f"\0{jid}")])),
        ("with an address of 5,000 octets", authority.sign([address("a" * 4990 + "@localhost")])),
        ("with an address and 5,000 octets", authority.sign([address(jid + "/" + "a" * 5000)])),
        ("with an empty address", authority.sign([f"{XMPP_ADDR};UTF8:"])),
        ("with an address of another type", authority.sign([f"{XMPP_ADDR};IA5:{jid}"])),
        ("with a mail address", authority.sign([f"email:{jid}"])),
        ("with names that are garbage", authority.sign((), ["subjectAltName=DER:30038001"])),
        ("with names of no kind", authority.sign((), [f"subjectAltName=DER:{GARBAGE}"])),
        ("behind 20 authorities", authority.chain(name, 20)),
        ("of an authority that is none", authority.sign([name], issuer=authority.sign([name], [leaf]))),
        ("with 512 bits of RSA", authority.sign([name], key=("rsa:512",))),
        ("with 1,024 bits of RSA", authority.sign([name], key=("rsa:1024",))),
    ]
    tests = [(row, proves_nothing(pair, own)) for row, pair in rows]
    tests += [
        ("with 100 addresses, the first one good", among_many(authority.sign([name, *many]), own, True)),
        ("with 100 addresses, the last one good", among_many(authority.sign([*many, name]), own, False)),
        ("for somebody else", takes_no_other(authority.make([jid], [CLIENT_AUTH]), own, victim)),
        ("that comes instead of a ClientHello", no_certificate_but(bytes.fromhex(f"160303002c0b000028{GARBAGE}"))),
        ("that comes late, and is garbage", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 0b000028{GARBAGE}"],
                                                   [ALERT_UNEXPECTED_MESSAGE])),
    ]
    try:
        for title, test in tests:
            try:
                beside_witnesses(test)(bench)
            except Failure as failure:
                raise Failure(f"a certificate {title}: {failure}") from failure
    finally:
        witnesses_leave(bench)


# ---- SASL2 ----

def opened(bench):
    return bench.on_close(Sasl2(bench.server, "direct")).open()


def first(account):
    return f"n,,n={account[0].split('@')[0]},r={b64(os.urandom(18))}"


def is_out_of_turn(*said, after=None):
    """Said at once; the stream ends for it."""
    def test(bench):
        raw = opened(bench)
        account = bench.account("hostile")
        if after:
            after(raw, account)
        raw.send("".join(said))
        raw.expect_stream_error("policy-violation", "not-authorized")
    return test


def under_way(raw, account):
    must(local(raw.authenticate("SCRAM-SHA-256", first(account))) == "challenge", "no challenge")


def logged_in(raw, account):
    raw.scram2(account, bind())
    raw.ping()


def again_in_session(bench):
    """Neither form of SASL begins anew for somebody who is in."""
    for text in (f"<authenticate xmlns='{NS_SASL2}' mechanism='SCRAM-SHA-256'/>", f"<abort xmlns='{NS_SASL2}'/>",
                 f"<response xmlns='{NS_SASL2}'/>"):
        raw = opened(bench)
        logged_in(raw, bench.account("hostile"))
        raw.send(text)
        raw.expect_stream_error("policy-violation", "not-authorized", "unsupported-stanza-type")


def still_in(inside, check=lambda success: None):
    """Whatever <authenticate/> holds besides, it is a log-in."""
    def test(bench):
        raw, account = opened(bench), bench.account("hostile")
        text = inside(bench) if callable(inside) else inside
        answer = raw.scram2(account, text + bind())
        must(answer.tag == f"{{{NS_SASL2}}}success", f"no log-in but {local(answer)}")
        check(answer)
        raw.ping()
    return test


def has_no(path, what):
    def check(success):
        must(success.find(path) is None, f"there is {what}")
    return check


def resume(previd, h="0"):
    return f"<resume xmlns='{NS_SM}' previd='{previd}' h='{h}'/>"


def has_failed(success):
    must(success.find(f"{{{NS_SM}}}failed") is not None and success.find(f"{{{NS_SM}}}resumed") is None, "a session was resumed")


def anothers_session(bench):
    """Who knows the id of a session that waits is no nearer to it: it is its owner's to resume, after as before."""
    owner = bench.account("hostile")
    raw = opened(bench)
    success = raw.scram2(owner, bind(more=f"<enable xmlns='{NS_SM}' resume='true'/>"))
    enabled = success.find(f"{{{NS_BIND2}}}bound/{{{NS_SM}}}enabled")
    must(enabled is not None, "stream management is not enabled")
    raw.ping()
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.close()  # reset: the session waits
    still_in(resume(enabled.get("id")), has_failed)(bench)
    again = opened(bench)
    answer = again.scram2(owner, resume(enabled.get("id")))
    must(answer.find(f"{{{NS_SM}}}resumed") is not None, "the owner cannot resume it any more")
    again.send("</stream:stream>")  # else it waits again
    again.wait_closed()


def excess(text):
    """More than an unknown peer may say at once."""
    def test(bench):
        raw = opened(bench)
        throw(raw, text)
        try:
            found = until_end(raw)
        except (ConnectionError, ssl.SSLError):
            return
        must(found == "policy-violation", f"the stream ended with {found}")
    return test


def token_too_long(bench):
    """A token longer than any is nobody's, and says so like a wrong one."""
    account = bench.account("hostile")
    raw = opened(bench)
    must(token_of(raw.scram2(account, agent() + request("HT-SHA-256-NONE"))), "no token was given")
    name = account[0].split("@")[0].encode()
    for shown in (name + b"\0" + b"x" * 6000, name + b"\0", b"\0" * 100, b"\0" + b"x" * 32, name + b"\0" + b"\0" * 32, name * 500):
        raw = opened(bench)
        answer = raw.authenticate("HT-SHA-256-NONE", shown, agent() + f"<fast xmlns='{NS_FAST}' count='18446744073709551615'/>")
        must(answer is not None and answer.tag == f"{{{NS_SASL2}}}failure", "it was accepted")
        must(local(answer[0]) in ("not-authorized", "malformed-request"), f"refused by {local(answer[0])}")


def enough_failures(bench):
    """Three, whichever form of SASL they come in."""
    raw, account = opened(bench), bench.account("hostile")
    raw.expect_failure(raw.scram2((account[0], "wrong")), "not-authorized")
    raw.expect_sasl_failure(raw.scram(account[0], "wrong"), "not-authorized")
    raw.expect_failure(raw.scram2((account[0], "wrong")), "not-authorized")
    raw.expect_stream_error("policy-violation")


def in_the_clear(bench):
    raw = bench.on_close(Sasl2(bench.server)).open()
    account = bench.account("hostile")
    raw.expect_failure(raw.authenticate("SCRAM-SHA-256", first(account)), "encryption-required")


def bad_base64(bench):
    raw = opened(bench)
    for text in ("=AAA", "AAA", "A===", "****", "AA=A", "AB==", "n,,n=a"):
        raw = opened(bench)
        raw.send(f"<authenticate xmlns='{NS_SASL2}' mechanism='SCRAM-SHA-256'><initial-response>{text}</initial-response></authenticate>")
        raw.expect_failure(raw.next(), "incorrect-encoding")


AUTHENTICATE = f"<authenticate xmlns='{NS_SASL2}' mechanism='SCRAM-SHA-256'/>"
RESPONSE = f"<response xmlns='{NS_SASL2}'>eA==</response>"
ABORT = f"<abort xmlns='{NS_SASL2}'/>"

CASES = (
    ("authenticate twice", is_out_of_turn(AUTHENTICATE, after=under_way)),
    ("authenticate twice at once", is_out_of_turn(AUTHENTICATE, AUTHENTICATE)),
    ("a stanza under way", is_out_of_turn("<presence/>", after=under_way)),
    ("the other form under way", is_out_of_turn(f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-1'/>", after=under_way)),
    ("white space under way", is_out_of_turn(" ", after=under_way)),
    ("a response to nothing", is_out_of_turn(RESPONSE)),
    ("an abort of nothing", is_out_of_turn(ABORT)),
    ("an unknown element", is_out_of_turn(f"<next xmlns='{NS_SASL2}' task='x'/>")),
    ("again in a session", again_in_session),
    ("three failures of both forms", enough_failures),
    ("in the clear", in_the_clear),
    ("bad base64", bad_base64),
    ("300 children nobody knows", still_in("<x xmlns='urn:x'><y/></x>" * 300)),
    ("children of its own namespace", still_in("<success/><failure/><challenge/><authenticate/>")),
    ("bind twice", still_in(bind())),
    ("a tag with everything", still_in(f"<bind xmlns='{NS_BIND2}'><tag>/@&#127;&lt;</tag></bind>")),
    ("a tag of 5,000 octets", still_in(f"<bind xmlns='{NS_BIND2}'><tag>{'t' * 5000}</tag></bind>")),
    ("a user-agent of 6,000 octets", still_in(f"<user-agent id='{uuid.uuid4()}'><software>{'x' * 6000}</software></user-agent>")),
    ("a user-agent's id of 5,000 octets", still_in(f"<user-agent id='{'a' * 5000}'/>" + request("HT-SHA-256-NONE"),
                                                   has_no(f"{{{NS_FAST}}}token", "a token for nobody in particular"))),
    ("a user-agent without end", excess(f"<authenticate xmlns='{NS_SASL2}'><user-agent><software>" + "x" * 20000)),
    ("a token for a mechanism of passwords", still_in(agent() + request("SCRAM-SHA-256"), has_no(f"{{{NS_FAST}}}token", "a token"))),
    ("a token that is too long", token_too_long),
    ("a token without end", excess(f"<authenticate xmlns='{NS_SASL2}' mechanism='HT-SHA-256-NONE'><initial-response>" + "A" * 20000)),
    ("a session that never was", still_in(resume("forged"), has_failed)),
    ("a session without a name", still_in(f"<resume xmlns='{NS_SM}'/>")),
    ("a session's id of 5,000 octets", still_in(resume("a" * 5000), has_failed)),
    ("a count below zero", still_in(resume("forged", "-1"), has_failed)),
    ("a count beyond all", still_in(resume("forged", "9" * 50), has_failed)),
    ("another's session", anothers_session),
)


def tests(server):
    if not server.is_musterd:
        return
    yield "hostile: certificates that prove nothing", with_authority(certificates)
    for name, test in CASES:
        yield f"hostile: SASL2: {name}", beside_witnesses(test)
