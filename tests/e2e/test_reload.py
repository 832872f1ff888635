# SPDX-License-Identifier: Apache-2.0
"""The configuration read again by a running daemon: what takes effect, what does not, and that no connection is lost by it."""
import os
import signal
import ssl
import threading

import raw as raw_module
from clients import DEADLINE_S, Failure, must
from federation import CAPULET, MONTAGUE, EXTERNAL_FEATURE, Certificates, ServerByHand, Verona
from raw import Raw, local
from sealed import wait_until
from servers import free_ports, openssl
from test_admin import with_settings
from test_certificates import CLIENT_AUTH, Authority, Certified, offers
from test_smime import stage

RELOADS = 40
LOGINS = 12
EXTENSIONS = ("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
              "extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")


def pair_make(server, name):
    """A certificate for localhost of the server's own authority, with a new key: their paths."""
    certificate, key, request, extensions = (server.path(f"{name}.{kind}") for kind in ("pem", "key", "csr", "ext"))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    with open(extensions, "w") as out:
        out.write(EXTENSIONS)
    openssl("x509", "-req", "-in", request, "-CA", server.path("ca.pem"), "-CAkey", server.path("ca.key"), "-CAcreateserial", "-days", "2",
            "-extfile", extensions, "-out", certificate)
    return certificate, key


def put(server, pair):
    """In the place of those that the server has."""
    os.replace(pair[0], server.path("cert.pem"))
    os.replace(pair[1], server.path("key.pem"))


def der(path):
    with open(path) as file:
        text = file.read()
    return ssl.PEM_cert_to_DER_cert(text[:text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n")


def shown(bench, tls="direct"):
    """The certificate of a new connection."""
    raw = Raw(bench.server, tls)
    try:
        return (raw if tls == "direct" else raw.secure()).socket.getpeercert(binary_form=True)
    finally:
        raw.close()


def hang_up(server, event="reloaded"):
    """SIGHUP; the lines of the log that it causes, up to that of `event`."""
    before = len(server.log_text())
    server.process.send_signal(signal.SIGHUP)
    must(wait_until(lambda: f" {event} by=SIGHUP " in server.log_text()[before:]), f"no line {event}: {server.log_text()[before:]}")
    return server.log_text()[before:]


def reload(server):
    """By musterctl: what it says."""
    return server.musterctl("reload").stdout.splitlines()


def refused(server):
    """The same, where it must be refused."""
    done = server.musterctl("reload", check=False)
    must(done.returncode == 1 and not done.stdout, f"exit {done.returncode}, {done.stdout}")
    return done.stderr


def append(server, text):
    with open(server.path("musterd.yaml"), "a") as file:
        file.write(text)


def renewed(bench):
    """A new certificate in the old one's place: new connections see it, those that are there go on, and tickets resume."""
    server, account = bench.server, bench.account()
    old = der(server.path("cert.pem"))
    sessions = [bench.on_close(Raw(server, tls)).log_in(account) for tls in ("direct", "starttls")]
    for raw in sessions:
        raw.send("<presence/>")
        raw.ping()
    must(shown(bench) == shown(bench, "starttls") == old, "the first certificate")
    put(server, pair_make(server, "renewed"))
    new = der(server.path("cert.pem"))
    must(new != old and shown(bench) == old, "nobody has asked for it yet")
    lines = hang_up(server)
    must("options_needing_restart=0" in lines and "needs-restart" not in lines, lines)
    must(shown(bench) == shown(bench, "starttls") == new, "the old certificate is still shown")
    late = bench.on_close(Raw(server, "starttls"))
    late.secure()
    late.scram(*account, mechanism="SCRAM-SHA-256-PLUS")  # which is bound to the new one
    late.open().bind("late")
    late.send("<presence><show>away</show></presence>")
    for raw in sessions:
        while (heard := raw.next()).get("from") != late.jid:
            must(local(heard) == "presence", f"{heard.attrib}")
        must(heard.findtext("{jabber:client}show") == "away", "what was shown")
        raw.ping()
    said = reload(server)
    must(len(said) == 1 and said[0].startswith("reloaded; certificates are good until 2"), f"{said}")


class Resuming(Raw):
    """Connections of one client, which resumes."""

    context = session = None

    def start_tls(self, alpn=None):
        self.context.set_alpn_protocols(["xmpp-client"])
        self.socket = self.context.wrap_socket(self.socket, server_hostname="localhost", session=self.session)
        self.is_tls = True


def resumed(bench, by_certificate=False):
    """True: who has a ticket resumes behind a reload with a new certificate."""
    server, account = bench.server, bench.account()
    kind = type("OneClient", (Resuming,), {"context": ssl.create_default_context(cafile=server.ca)})
    kind.context.maximum_version = raw_module.MAXIMUM_VERSION
    for is_resumed in (False, True):
        raw = bench.on_close(kind(server, "direct"))
        must(raw.socket.session_reused == is_resumed, "at the same certificate")
        raw.log_in(account)
        raw.ping()
        kind.session = raw.socket.session
    put(server, pair_make(server, "renewed"))
    hang_up(server)
    raw = bench.on_close(kind(server, "direct"))
    raw.log_in(account)
    return raw.socket.session_reused


def tickets(bench):
    must(resumed(bench), "a ticket of before does not resume")


def authorities(bench):
    """Clients' authorities are read again with the certificates, and nobody resumes what another authority has vouched for."""
    def own(inner):
        server = inner.server
        first, second = Authority(server.folder, "first"), Authority(server.folder, "second")
        server.extra = ""
        path = server.path("musterd.yaml")
        text = open(path).read().replace("tls: {", f"tls: {{client_ca: {first.certificate}, ", 1)
        server.write_config = lambda: open(path, "w").write(text)
        server.restart()
        account = inner.account()
        pairs = [authority.make([account[0]], [CLIENT_AUTH]) for authority in (first, second)]
        which = lambda: [offers(inner.on_close(Certified(server, pair)).open()) for pair in pairs]
        must(which() == [True, False], "the first authority")
        os.replace(second.certificate, first.certificate)
        must(reload(server)[0].startswith("reloaded;"), "not reloaded")
        must(which() == [False, True], "the second authority")
        must(not resumed(inner), "resumed")
        os.rename(first.certificate, second.certificate)
        text = text.replace(first.certificate, second.certificate)
        server.write_config()
        must("tls.client_ca needs a restart, until then its old file does" in refused(server), "the file of the start is gone")
        os.rename(second.certificate, first.certificate)
        must(reload(server)[0] == "tls.client_ca: needs a restart", "the file of the start is there again")
    with_settings("", own)(bench)


def paths(bench):
    """Other paths, certificates of domains, TLS 1.2; what is not there is refused, and all stays as it was."""
    server = bench.server
    first, second = (pair_make(server, name) for name in ("first", "second"))
    server.pair = first
    server.write_config()
    reload(server)
    must(shown(bench) == der(first[0]), "the first path")
    folder = server.path("domains")
    os.mkdir(folder)
    for source, kind in zip(second, ("pem", "key")):
        os.rename(source, os.path.join(folder, f"localhost.{kind}"))
    write = server.write_config
    path = server.path("musterd.yaml")

    def with_tls(more):
        write()
        text = open(path).read().replace("tls: {", "tls: {" + more, 1)
        with open(path, "w") as out:
            out.write(text)
    with_tls(f"certificates: {folder}, allow_tls12: true, ")
    reload(server)
    must(shown(bench) == der(os.path.join(folder, "localhost.pem")), "the domain's certificate")
    is_open_to_both = "MUSTER_TLS_ALLOW_TLS12" in os.environ  # which goes before the file
    before, raw_module.MAXIMUM_VERSION = raw_module.MAXIMUM_VERSION, ssl.TLSVersion.TLSv1_2
    try:
        raw = bench.on_close(Raw(server, "direct"))
        must(raw.socket.version() == "TLSv1.2", raw.socket.version())
        os.remove(os.path.join(folder, "localhost.key"))
        with_tls(f"certificates: {folder}, ")
        must("localhost.key: No such file" in refused(server), "a key that is not there")
        must(bench.on_close(Raw(server, "direct")).socket.version() == "TLSv1.2", "half of it took effect")
        os.rename(os.path.join(folder, "localhost.pem"), os.path.join(folder, "localhost.key"))
        must("localhost.pem: No such file" in refused(server), "the other half that is not there")
        write()
        reload(server)
        try:
            bench.on_close(Raw(server, "direct"))
        except ssl.SSLError:
            pass
        else:
            must(is_open_to_both, "TLS 1.2 is still spoken")
    finally:
        raw_module.MAXIMUM_VERSION = before
    must(shown(bench) == der(first[0]), "the default certificate")


def mistakes(bench):
    """A key of another certificate, no certificate, YAML that is none, a value that is none: said where, and everything goes on as it was."""
    server = bench.server
    raw = bench.on_close(Raw(server, "direct")).log_in(bench.account())
    old = der(server.path("cert.pem"))
    os.rename(server.path("key.pem"), server.path("kept.pem"))
    other = pair_make(server, "other")
    os.rename(other[1], server.path("key.pem"))
    for said in (refused(server), hang_up(server, "reload-refused")):
        must(f"key {server.path('key.pem')}: does not belong to certificate {server.path('cert.pem')}" in said, said)
    os.rename(server.path("kept.pem"), server.path("key.pem"))
    os.rename(server.path("cert.pem"), server.path("away.pem"))
    must("cert.pem: No such file" in refused(server), "a certificate that is not there")
    os.rename(server.path("away.pem"), server.path("cert.pem"))
    os.rename(server.path("cert.pem"), server.path("away.pem"))
    os.mkfifo(server.path("cert.pem"))
    must("cert.pem: is no regular file" in refused(server), "something that would be waited for")
    os.rename(server.path("away.pem"), server.path("cert.pem"))
    lines = open(server.path("musterd.yaml")).read().count("\n")
    for text, place in (("log_level: debug\nworkers: [\n", f":{lines + 3}:1: "), ("log_level: debug\njobs: many\n", f":{lines + 2}:7: jobs: ")):
        append(server, text)
        for said in (refused(server), hang_up(server, "reload-refused")):
            must(f"musterd.yaml{place}" in said, f"{place} is not in {said}")
        server.write_config()
    must(" debug " not in server.log_text(), "the level of a file with a mistake counts")
    raw.ping()
    must(shown(bench) == old, "another certificate")
    must(reload(server)[0].startswith("reloaded;"), "the file is good again")


def restarts(bench):
    """What needs a restart is named, each time; the rest of the file takes effect."""
    server = bench.server
    workers, plain_port = server.workers, server.plain_port
    server.workers, server.plain_port = workers + 1, free_ports(1)[0]
    server.extra = "presence: {csi: false}\nlog_level: debug\nsmime: {queue: 7}\n"
    server.write_config()
    for _ in range(2):
        said = reload(server)
        must(said[:-1] == [f"{name}: needs a restart" for name in ("listen", "workers", "presence.csi")], f"{said}")
        must(said[-1].startswith("reloaded;"), f"{said}")
    lines = hang_up(server)
    must("reload-needs-restart option=workers" in lines and "option=listen" in lines and "options_needing_restart=3" in lines, lines)
    bench.on_close(Raw(server, "direct")).log_in(bench.account())
    must(wait_until(lambda: " debug " in server.log_text()), "the log level")
    must(server.stat("workers") == workers and not server.listens(server.plain_port), "what needs a restart has changed")
    server.workers, server.plain_port = workers, plain_port
    server.extra = "log_level: warn\n"
    server.write_config()
    must(len(reload(server)) == 1, "the file is that of the start again")
    before = server.log_text()
    bench.on_close(Raw(server, "direct")).log_in(bench.account())
    must(server.log_text() == before, "the log level")


def many(bench):
    """Reloads in a row with one of two certificates each, while clients log in: each is shown one of them whole, and stays."""
    server, account = bench.server, bench.account()
    pairs = [pair_make(server, name) for name in ("a", "b")]
    known = {der(pair[0]) for pair in pairs} | {der(server.path("cert.pem"))}
    is_over, failures = threading.Event(), []

    def turn():
        try:
            for number in range(RELOADS):
                server.pair = pairs[number % 2]
                server.write_config()
                if number % 3:
                    reload(server)
                else:
                    hang_up(server)
        except Exception as failure:  # noqa: BLE001: told where it is waited for
            failures.append(failure)
        finally:
            is_over.set()
    thread = threading.Thread(target=turn)
    thread.start()
    sessions = []
    try:
        while not is_over.is_set() or len(sessions) < LOGINS:
            raw = Raw(server, ("direct", "starttls")[len(sessions) % 2])
            raw.log_in(account, f"r{len(sessions) % LOGINS}", "SCRAM-SHA-256-PLUS")
            must(raw.socket.getpeercert(binary_form=True) in known, "a certificate that is none of ours")
            sessions.append(bench.on_close(raw))
            if len(sessions) > LOGINS:
                sessions[-LOGINS - 1].close()
    finally:
        thread.join()
    must(not failures, f"{failures}")
    must(shown(bench) == der(pairs[(RELOADS - 1) % 2][0]), "the last certificate")
    for raw in sessions[-LOGINS:]:
        raw.ping()


def rules(s):
    """Rules about signed stanzas, of sessions that are there: annotate, enforce, off, who must sign."""
    juliet = s.juliet()

    def turn(smime):
        s.server.extra = f"smime: {{{smime}, anchors: {s.authority.certificate}}}\n"
        s.server.write_config()
        said = reload(s.server)
        must(len(said) == 1, f"{said}")
    must(s.arrives(juliet, tamper="octet")["result"] == "invalid", "annotate")
    turn("mode: enforce")
    s.is_refused(juliet, "digest-mismatch", tamper="octet")
    must(s.arrives(juliet)["result"] == "valid", "enforce")
    turn(f"mode: enforce, peers: ['{juliet.bare}=observe']")
    must(not s.arrives(juliet, tamper="octet").get("mark"), "observe")
    turn("mode: enforce, domains: [localhost=annotate]")
    must(s.arrives(juliet, tamper="octet")["result"] == "invalid", "annotate by the domain")
    turn("mode: off")
    counted = s.server.stat("smime_digest_mismatch")
    must(not s.arrives(juliet, tamper="octet").get("mark") and s.server.stat("smime_digest_mismatch") == counted, "off")
    turn(f"mode: off, must_sign: ['{juliet.bare}']")
    s.is_refused(juliet, "digest-mismatch", tamper="octet")
    turn("mode: annotate")
    must(s.arrives(juliet)["result"] == "valid", "annotate again")


def switched_on(s):
    """Nothing is verified at the start; the first reload that wants it begins it, with its files. Then these need a restart."""
    juliet = s.juliet()
    must(not s.arrives(juliet, tamper="octet").get("mark"), "off")
    missing = s.server.path("nowhere.pem")
    s.server.extra = f"smime: {{mode: enforce, anchors: {missing}, cache: 100}}\n"
    s.server.write_config()
    must(f"{missing}: No such file" in refused(s.server), "authorities that are not there")
    must(not s.arrives(juliet, tamper="octet").get("mark"), "still off")
    s.server.extra = f"smime: {{mode: enforce, anchors: {s.authority.certificate}, cache: 100}}\n"
    s.server.write_config()
    must(len(reload(s.server)) == 1, "what it begins with needs no restart")
    s.is_refused(juliet, "digest-mismatch", tamper="octet")
    s.romeo.ask("marks")
    must(s.arrives(juliet)["result"] == "valid", "enforce")
    s.server.extra = f"smime: {{mode: annotate, anchors: {s.authority.certificate}, cache: 200}}\n"
    s.server.write_config()
    for _ in range(3):
        said = reload(s.server)
        must(said[0] == "smime.cache: needs a restart" and len(said) == 2, f"{said}")
        must(s.arrives(juliet, tamper="octet")["result"] == "invalid", "annotate")


def between_servers(bench):
    """A renewed certificate towards other servers, in both roles; the stream that is there goes on."""
    certificates = Certificates(bench.server.folder)
    seen, spoken = [], []

    def answer(raw):
        raw.secure()
        seen.append(raw.socket.getpeercert(binary_form=True))
        raw.greet(EXTERNAL_FEATURE)
        if (asked := raw.next()) is None or local(asked) != "auth":
            raise Failure("no EXTERNAL")
        raw.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        raw.greet("")
        while (stanza := raw.next()) is not None:
            spoken.append(stanza.findtext("{jabber:server}body"))
            if spoken[-1] == "end":
                raw.send("</stream:stream>")
    hand = ServerByHand(MONTAGUE, certificates.make(MONTAGUE), answer, certificates.ca)
    with Verona(bench, hosts={MONTAGUE: hand.port}, certificates=certificates) as verona:
        server, juliet = verona.server, verona.user("juliet")
        old = der(server.pair[0])

        def say(text):
            juliet.send(f"<message to='romeo@{MONTAGUE}'><body>{text}</body></message>")
            must(wait_until(lambda: text in spoken), f"{text} has not arrived: {spoken}, {hand.failures}")

        def incoming():
            context = ssl.create_default_context(cafile=certificates.ca)
            context.set_alpn_protocols(["xmpp-server"])
            with raw_module.socket.create_connection(("127.0.0.1", server.server_direct_port), timeout=DEADLINE_S) as tcp:
                with context.wrap_socket(tcp, server_hostname=CAPULET) as stream:
                    return stream.getpeercert(binary_form=True)
        say("one")
        must(seen == [old] and incoming() == old, "the first certificate")
        certificates.make(CAPULET)
        new = der(server.pair[0])
        must(len(reload(server)) == 1 and new != old, "not renewed")
        must(incoming() == new, "the old certificate to who connects")
        say("two")
        must(seen == [old], "a stream more")
        say("end")
        must(wait_until(lambda: not server.musterctl("server", "list").stdout), "the stream has not ended")
        say("three")
        must(seen == [old, new], "the old certificate to whom we connect")
    hand.close()
    must(not hand.failures, f"{hand.failures}")


def own(test):
    return with_settings("", test)


def tests(server):
    if not server.is_musterd:
        return
    yield "reload: a renewed certificate is shown, sessions go on", own(renewed)
    yield "reload: tickets of before resume", own(tickets)
    yield "reload: clients' authorities are read again", authorities
    yield "reload: other paths, domains' certificates, TLS 1.2", own(paths)
    yield "reload: mistakes leave everything as it was", own(mistakes)
    yield "reload: what needs a restart is named", own(restarts)
    yield "reload: many in a row while clients log in", own(many)
    yield "reload: rules about signed stanzas", stage(rules, "annotate")
    yield "reload: verifying is switched on", stage(switched_on, "off")
    yield "reload: a renewed certificate towards other servers", between_servers
