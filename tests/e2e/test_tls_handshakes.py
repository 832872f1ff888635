# SPDX-License-Identifier: Apache-2.0
"""How TLS begins: resumption, versions, ALPN, handshakes that are none; and that other libraries than ours (openssl s_client, gnutls-cli)
agree, also about new keys. Records: test_tls.py."""
import os
import subprocess
import time

from clients import DEADLINE_S, Failure, Missing, must
from raw import header, local
from sealed import (CONTENT_DATA, Piped, Records, Sealed, Sealer, connect, expect_reset, gnutls_cli, plain_to_tls, run_s_client, s_client, tcp,
                    wait_until, with_bystander)

ALERT_PROTOCOL_VERSION = 70
ALERT_NO_APPLICATION_PROTOCOL = 120


# ---- resumption ----

def resumption(bench):
    """A ticket is good on every worker and for a whole log-in."""
    session = bench.server.path("session.pem")
    account = bench.account()
    for round_number in range(6):
        helper = Sealer(bench.build, tcp(bench.server.direct_port), "--session-out", session)
        try:
            words = helper.line()
        finally:
            helper.close()
        must(words == ["stored"], f"tls_client: {words}")
        stream = connect(bench, "direct", "--session-in", session)
        must(stream.ready[3] == "reused", f"round {round_number}: {stream.ready}")
        stream.log_in(account, f"resumed{round_number}").ping()


def early_data(bench):
    """Early data is refused, unread, and the handshake goes on without."""
    session = bench.server.path("session.pem")
    helper = Sealer(bench.build, tcp(bench.server.direct_port), "--session-out", session)
    try:
        must(helper.line() == ["stored"], "no ticket")
    finally:
        helper.close()
    early = header().encode().hex()
    stream = connect(bench, "direct", "--session-in", session, "--early", early)
    must(stream.ready[3:] == ["reused", "late"], f"{stream.ready}")
    stream.log_in(bench.account()).ping()  # a second header in one stream would be an error


# ---- versions and protocols ----

def refuses_tls12(bench):
    code, _, said = run_s_client(bench.server, "-tls1_2")
    must(code != 0 and f"alert number {ALERT_PROTOCOL_VERSION}" in said, f"s_client -tls1_2: exit {code}: {said[-300:]}")


def alpn(offered, answered):
    def test(bench):
        more = ("-alpn", offered) if offered else ()
        command = [word for word in s_client(bench.server, *more) if word != "-brief"]
        done = subprocess.run(command, input=b"Q\n", capture_output=True, timeout=60)
        text = (done.stdout + done.stderr).decode(errors="replace")
        if answered is None:
            must(done.returncode != 0 and f"alert number {ALERT_NO_APPLICATION_PROTOCOL}" in text, f"exit {done.returncode}: {text[-400:]}")
        else:
            must(done.returncode == 0 and answered in text, f"exit {done.returncode}, not {answered!r}: {text[-600:]}")
    return test


# ---- openssl s_client ----

def s_client_updates(tls):
    def test(bench):
        more = ("-alpn", "xmpp-client") if tls == "direct" else ()
        stream = bench.on_close(Piped(bench, s_client(bench.server, *more, tls=tls)))
        account = bench.account()
        stream.open()

        def update(letter):
            time.sleep(0.1)  # a command is one only at the beginning of what is read at once
            stream.send(letter + "\n")
            time.sleep(0.1)
        if not Records(bench.server).can_rekey:
            update("k")
            stream.send(" ")
            return expect_reset(stream)
        update("k")
        answer = stream.scram(*account)
        must(local(answer) == "success", "no log-in through s_client")
        update("K")
        stream.open()
        stream.bind("s_client")
        for letter in "kKKk":
            update(letter)
            stream.ping()
    return with_bystander(test)


def s_client_resumes(bench):
    path = bench.server.path("s_client.pem")
    account = bench.account()
    stream = bench.on_close(Piped(bench, s_client(bench.server, "-sess_out", path)))
    stream.log_in(account)  # the ticket has come by now
    must(wait_until(lambda: os.path.exists(path) and os.path.getsize(path)), "s_client got no ticket")
    command = [word for word in s_client(bench.server, "-sess_in", path) if word != "-brief"]
    done = subprocess.run(command, input=b"Q\n", capture_output=True, timeout=60)
    must(b"Reused, TLSv1.3" in done.stdout, f"s_client does not say Reused: {done.stdout[-600:]!r}")


# ---- gnutls-cli ----

def gnutls(tls, *more):
    def test(bench):
        if subprocess.run(["sh", "-c", "command -v gnutls-cli"], capture_output=True).returncode != 0:
            raise Missing("gnutls-cli (Debian: gnutls-bin) is not installed")
        log = bench.server.path("gnutls.log")
        options = ("--inline-commands", *(("--alpn", "xmpp-client") if tls == "direct" else ()), *more)
        stream = bench.on_close(Piped(bench, gnutls_cli(bench.server, log, *options, tls=tls), b"\n"))

        def update(command):
            time.sleep(0.2)
            stream.send(command)
            time.sleep(0.2)
        stream.open()
        if not Records(bench.server).can_rekey:
            update("^rekey1^")
            stream.send(" ")
            return expect_reset(stream)
        answer = stream.scram(*bench.account())
        must(local(answer) == "success", "no log-in through gnutls-cli")
        update("^rekey1^")
        stream.open()
        stream.bind("gnutls")
        for command in ("^rekey^", "^rekey1^", "^rekey^"):
            update(command)
            stream.ping()
        stream.send("</stream:stream>")
        must(stream.next() is None, "no end")
        stream.socket.process.wait(DEADLINE_S)  # its log is complete then
        with open(log, errors="replace") as text:
            must(text.read().count("Rekey was completed") == 4, "gnutls-cli did not change its keys")
    return with_bystander(test)


# ---- handshakes that are none ----

def plain_noise(port_name):
    def test(bench):
        port = getattr(bench.server, port_name)
        # Random bytes as well, but for the first: 22 begins a handshake's record, whose end the server waits for.
        for noise in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", header().encode(), bytes([CONTENT_DATA]) + os.urandom(599)):
            with tcp(port) as plain:
                try:
                    plain.sendall(noise)
                    while plain.recv(4096):
                        pass
                except TimeoutError:
                    raise Failure(f"{noise[:12]!r} on the direct port does not end the connection") from None
                except OSError:
                    pass
    return with_bystander(test)


def slow_handshake(bench):
    """Who does not come to an end with TLS meets the log-in timeout, at every step."""
    server = bench.server
    os.environ["MUSTER_LIMITS_LOGIN_TIMEOUT_MS"] = "1000"
    try:
        server.restart()
        waiting = [tcp(server.direct_port) for _ in range(2)] + [plain_to_tls(server).socket]
        waiting[0].sendall(b"\x16\x03\x01\x02")  # a ClientHello that does not go on
        stream = bench.on_close(Sealed(bench, "direct"))  # TLS is done, the log-in is not
        for plain in waiting:
            with plain:
                plain.settimeout(DEADLINE_S)
                while plain.recv(4096):
                    pass
        stream.read_to_end()
    except TimeoutError:
        raise Failure("a connection without TLS is kept") from None
    finally:
        del os.environ["MUSTER_LIMITS_LOGIN_TIMEOUT_MS"]
        server.restart()


CASES = (
    ("resumption, on any worker", resumption),
    ("early data is refused", early_data),
    ("s_client: KeyUpdates, direct", s_client_updates("direct")),
    ("s_client: KeyUpdates, starttls", s_client_updates("starttls")),
    ("s_client: resumption", s_client_resumes),
    ("gnutls-cli: KeyUpdates, direct", gnutls("direct")),
    ("gnutls-cli: KeyUpdates, starttls", gnutls("starttls")),
    ("gnutls-cli: ChaCha20", gnutls("direct", "--priority", "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305")),
    ("ALPN xmpp-client", alpn("xmpp-client", "ALPN protocol: xmpp-client")),
    ("ALPN xmpp-client among others", alpn("h2,xmpp-client", "ALPN protocol: xmpp-client")),
    ("ALPN not offered", alpn(None, "No ALPN negotiated")),
    ("ALPN of another protocol", alpn("h2,http/1.1", None)),
    ("plain text on the direct port", plain_noise("direct_port")),
    ("slow handshakes", slow_handshake),
)


def tests(server):
    if not server.is_musterd:
        return
    if os.environ.get("MUSTER_TLS_ALLOW_TLS12") != "true":
        yield "tls: TLS 1.2 refused", refuses_tls12
    for name, test in CASES:
        yield f"tls: {name}", test
