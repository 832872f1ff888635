# SPDX-License-Identifier: Apache-2.0
"""SASL EXTERNAL with client certificates made here (XEP-0178, RFC 6120 s. 13.7): which let their owner in, and until when."""
import os
import ssl
import subprocess
import time

from clients import must
import raw as raw_module
from raw import NS_SASL, Failure, b64, local
from test_admin import with_settings
from test_login import NS_SASL2, Sasl2, agent, bind, request, token_of

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
IM_URI = "1.3.6.1.5.5.7.3.40"  # RFC 9734


def openssl(*arguments, **more):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, **more)


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.makedirs(os.path.join(self.folder, "new"))
        for file, text in (("index.txt", ""), ("index.txt.attr", "unique_subject = no\n"), ("serial", "01\n")):
            with open(os.path.join(self.folder, file), "w") as out:
                out.write(text)
        self.certificate = os.path.join(self.folder, "ca.pem")
        self.key = os.path.join(self.folder, "ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-days", "2",
                "-keyout", self.key, "-out", self.certificate)
        self.made = 0

    def make(self, addresses, usage=(), lives_s=3600, age_s=60, more=""):
        """(certificate, key), with these addresses and extended key usages; `more`: other extensions."""
        self.made += 1
        path = lambda kind: os.path.join(self.folder, f"client{self.made}.{kind}")
        names = ",".join(f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{address}" for address in addresses)
        with open(path("cnf"), "w") as out:
            out.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.folder}/index.txt\nserial={self.folder}/serial\n"
                      f"new_certs_dir={self.folder}/new\ndefault_md=sha256\npolicy=any\ncopy_extensions=none\n[any]\ncommonName=supplied\n"
                      f"[client]\nbasicConstraints=CA:FALSE\n" + (f"subjectAltName={names}\n" if names else "")
                      + (f"extendedKeyUsage={','.join(usage)}\n" if usage else "") + more)
        stamp = lambda offset: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + offset))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=client", "-keyout", path("key"),
                "-out", path("csr"))
        openssl("ca", "-batch", "-notext", "-config", path("cnf"), "-extensions", "client", "-cert", self.certificate, "-keyfile", self.key,
                "-startdate", stamp(-age_s), "-enddate", stamp(lives_s), "-in", path("csr"), "-out", path("pem"))
        return path("pem"), path("key")


class Certified(Sasl2):
    """A connection that shows a certificate."""

    def __init__(self, server, pair, tls="direct"):
        self.pair = pair
        super().__init__(server, tls)

    def start_tls(self, alpn=None):
        context = ssl.create_default_context(cafile=self.server.ca)
        context.maximum_version = raw_module.MAXIMUM_VERSION
        if alpn:
            context.set_alpn_protocols(alpn)
        context.load_cert_chain(*self.pair)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.is_tls = True


def with_authority(test, settings=lambda authority: ""):
    """Run `test` on a server of its own that trusts an authority; `settings`: more keys of `tls`."""
    def run_it(bench):
        def own(inner):
            authority = Authority(inner.server.folder, "authority")
            inner.server.extra = ""
            path = inner.server.path("musterd.yaml")
            text = open(path).read().replace("tls: {", f"tls: {{client_ca: {authority.certificate}, {settings(authority)}", 1)
            inner.server.write_config = lambda: open(path, "w").write(text)
            inner.server.restart()
            test(inner, authority)
        with_settings("", own)(bench)
    return run_it


def offers(raw):
    return "EXTERNAL" in raw.mechanisms() and "EXTERNAL" in raw.offered(f"{{{NS_SASL2}}}mechanism")


def which(bench, authority):
    """EXTERNAL is offered to a certificate that is good and names an account here, and to no other; a password is as good as ever."""
    account = bench.account("cert")
    other = Authority(bench.server.folder, "other")
    rows = [
        ("for TLS clients", authority.make([account[0]], [CLIENT_AUTH]), True),
        ("for anything", authority.make([account[0]]), True),
        ("for messages and TLS clients", authority.make([account[0]], [IM_URI, CLIENT_AUTH]), True),
        ("for messages only", authority.make([account[0]], [IM_URI]), False),
        ("expired", authority.make([account[0]], lives_s=-10, age_s=60), False),
        ("not yet valid", authority.make([account[0]], age_s=-1000), False),
        ("of another authority", other.make([account[0]]), False),
        ("without an address", authority.make([]), False),
        ("of another domain", authority.make(["cert@elsewhere.example"]), False),
        ("of the domain itself", authority.make(["localhost"]), False),
    ]
    for name, pair, is_good in rows:
        raw = bench.on_close(Certified(bench.server, pair)).open()
        must(offers(raw) == is_good, f"a certificate {name}: EXTERNAL is {'not ' if is_good else ''}offered")
        must(not is_good or raw.mechanisms()[0] == "EXTERNAL", "EXTERNAL is not the first one offered")
        if not is_good:
            answer = raw.auth("EXTERNAL", "=")
            raw.expect_sasl_failure(answer, "invalid-mechanism")
            must(local(raw.scram(*account)) == "success", "a password does not do any more")
    must(not offers(bench.on_close(Sasl2(bench.server, "direct")).open()), "EXTERNAL is offered without a certificate")


def refused(bench, authority):
    """If so configured, the connection ends with a certificate that is not good; not with one of an authority that nobody knows."""
    account = bench.account("cert")
    other = Authority(bench.server.folder, "other")
    for name, pair, is_let in (("good", authority.make([account[0]]), True), ("of another authority", other.make([account[0]]), True),
                               ("expired", authority.make([account[0]], lives_s=-10), False),
                               ("for messages only", authority.make([account[0]], [IM_URI]), False)):
        try:
            raw = bench.on_close(Certified(bench.server, pair)).open()
            is_in = local(raw.scram(*account)) == "success"
        except (OSError, Failure):  # the alert comes when the client's part of the handshake is over
            is_in = False
        must(is_in == is_let, f"a certificate {name}: {'in' if is_in else 'not in'}")


def who(bench, authority):
    """The authorisation identity chooses among the certificate's addresses, and may be left out when there is one."""
    one, two, stranger = bench.account("cert"), bench.account("cert"), bench.account("cert")
    single, double = authority.make([one[0]], [CLIENT_AUTH]), authority.make([one[0], two[0]], [CLIENT_AUTH])
    gone = authority.make(["nobody@localhost"], [CLIENT_AUTH])
    connect = lambda pair, tls="direct": bench.on_close(Certified(bench.server, pair, tls))
    raw = connect(single, "starttls").secure()
    must(local(raw.auth("EXTERNAL", "=")) == "success", "refused")
    raw.open()
    raw.bind("r")
    must(raw.jid == f"{one[0]}/r", f"in as {raw.jid}")
    raw = connect(single).open()
    answer = raw.auth("EXTERNAL", "")  # asked for the first message
    must(local(answer) == "challenge" and not answer.text, "no challenge")
    raw.send(f"<response xmlns='{NS_SASL}'>{b64(one[0])}</response>")
    must(local(raw.next()) == "success", "refused")
    for pair, authzid in ((single, two[0]), (double, ""), (double, stranger[0])):
        raw = connect(pair).open()
        raw.expect_failure(raw.authenticate("EXTERNAL", authzid), "invalid-authzid")
    raw = connect(double).open()
    answer = raw.authenticate("EXTERNAL", two[0], bind() + agent() + request("HT-SHA-256-NONE"))
    raw.settle(answer)
    must(token_of(answer) is None, "a token was given that outlives the certificate")
    must(raw.jid.startswith(f"{two[0]}/raw."), f"in as {raw.jid}")
    raw.ping()
    raw = connect(gone).open()
    raw.expect_failure(raw.authenticate("EXTERNAL", ""), "not-authorized")


def expiring(bench, authority):
    """A session ends with its certificate; one that logged in with a password does not."""
    account = bench.account("cert")
    pair = authority.make([account[0]], [CLIENT_AUTH], lives_s=10)
    by_password = bench.on_close(Certified(bench.server, pair)).open()
    must(local(by_password.scram(*account)) == "success", "refused")
    by_password.open()
    by_password.bind("password")
    raw = bench.on_close(Certified(bench.server, pair)).open()
    raw.settle(raw.authenticate("EXTERNAL", "", bind()))
    raw.ping()
    raw.expect_stream_error("reset")
    by_password.ping()


def tests(server):
    if not server.is_musterd:
        return
    yield "certificates: which are good; I24: one for messages alone is not", with_authority(which)
    yield "certificates: those that are not good are refused", with_authority(refused, lambda authority: "client_bad_refused: true, ")
    yield "certificates: whom they name", with_authority(who)
    yield "certificates: until they expire", with_authority(expiring)
