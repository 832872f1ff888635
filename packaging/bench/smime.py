#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What do signed stanzas cost those that are not? smime.py --build DIR [--rounds N] [--senders N] [--watchers N] [--rate N] [--changes N]

One daemon, restarted with `smime.mode: off` and `annotate` in turn, `--rounds` times each. Meanwhile `--senders` clients say `--rate` messages
a second together, each tenth of them signed with a key and certificate of its sender's own and told for the first time, to clients that have asked for marks; and
muster-bench measures how long presence of another account takes to `--watchers` watchers. Printed are the medians of the rounds, and how many objects
were found valid: all of them, or it counts for nothing.
"""
import argparse
import datetime
import multiprocessing
import os
import selectors
import statistics
import sys
import tempfile
import time
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "e2e"))
import accounts  # noqa: E402
import generator  # noqa: E402
import peers  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from raw import Raw  # noqa: E402
from smime_object import entity, signed, stamp  # noqa: E402

SIGNED_EVERY = 10
RECEIVERS = 20
IM_URI = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.40")
XMPP_ADDRESS = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
# Objects are made before they are sent, with the time at which they will be: within the five minutes that they may be off.
MAKING_S = 8


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate_make(name, key, issuer_name, issuer_key, extensions):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(named(name)).issuer_name(issuer_name).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=1)))
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    def __init__(self, path):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named("authority")
        made = certificate_make("authority", self.key, self.name, self.key, [(x509.BasicConstraints(True, None), True)])
        with open(path, "wb") as out:
            out.write(made.public_bytes(serialization.Encoding.PEM))

    def vouch(self, jid):
        key = ec.generate_private_key(ec.SECP256R1())
        text = jid.encode()
        name = x509.OtherName(XMPP_ADDRESS, bytes([12, len(text)]) + text)
        return certificate_make(jid, key, self.name, self.key, [(x509.SubjectAlternativeName([name]), False),
                                                                (x509.ExtendedKeyUsage([IM_URI]), False)]), key


def object_make(pair, jid, to, ahead_s):
    text = signed(entity("message", jid, to, "How goes the night?", stamp(ahead_s)), *pair)
    return f"<e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>{escape(text)}</e2e>"


def plan(senders, rate, duration_s, pairs):
    """(second to send it at, sender, stanza), in order."""
    stanzas = []
    for n in range(int(rate * duration_s)):
        sender, at = n % len(senders), n / rate
        to = f"sink{sender % RECEIVERS:04}@localhost"
        is_signed = (n // len(senders) + sender) % SIGNED_EVERY == 0
        body = (object_make(pairs[senders[sender][0]], senders[sender][0], to, MAKING_S + at) if is_signed
                else "<body>How goes the night, and how goes the day after it, wherever you may be?</body>")
        stanzas.append((at, sender, f"<message to='{to}' type='chat' id='{n}'>{body}</message>".encode()))
    return stanzas, sum(b"<e2e" in text for _, _, text in stanzas)


def load(server, senders, sinks, pairs, rate, duration_s, link):
    """In a process of its own: log in, make what is said, say when it is ready; then say it."""
    generator.bind_generator()
    watching = selectors.DefaultSelector()
    talkers = []
    for jid, password in senders + sinks:
        talker = Raw(server, "none").log_in((jid, password))
        if jid.startswith("sink"):
            talker.send("<presence/><iq type='set' id='m'><enable xmlns='urn:xmpp:muster:e2e:0'/></iq>")
        talkers.append(talker.socket)
        talker.socket.setblocking(False)
        watching.register(talker.socket, selectors.EVENT_READ)
    began = time.monotonic()
    stanzas, count = plan(senders, rate, duration_s, pairs)
    link.send((count, time.monotonic() - began))
    start = began + MAKING_S
    while time.monotonic() < start:
        time.sleep(0.01)
    for at, sender, text in stanzas:
        while (left := start + at - time.monotonic()) > 0:
            for key, _ in watching.select(left):
                key.fileobj.recv(65536)
        talkers[sender].setblocking(True)
        talkers[sender].sendall(text)
        talkers[sender].setblocking(False)
        if link.poll():
            break  # the measurement is over
    link.recv()


def people(prefix, count):
    return [(f"{prefix}{i:04}@localhost", f"pw-{prefix}{i:04}") for i in range(count)]


def round_play(options, server, mode, files, pairs):
    server.extra = (peers.Musterd.extra + "archive: {enabled: false}\n"
                    f"smime: {{mode: {mode}, anchors: {server.path('im.pem')}}}\n")
    server.restart()
    senders, sinks = people("sender", options.senders), people("sink", RECEIVERS)
    ours, theirs = multiprocessing.Pipe()
    # Longer than the changes take.
    duration_s = options.changes * (options.interval + 20) / 1000 + 10
    process = multiprocessing.Process(target=load, args=(server, senders, sinks, pairs, options.rate, duration_s, theirs))
    process.start()
    _, took_s = ours.recv()
    if took_s > MAKING_S:
        raise SystemExit(f"making the objects takes {took_s:.0f} s: lower --rate")
    time.sleep(MAKING_S - took_s + 1)
    generator.bind_server(server)
    before = server.stat("stanzas_received") if mode == "off" else server.stat("smime_ok")
    report = generator.bench(options.build, "fanout", "--accounts", files[0], "--rosters", files[1], "--publisher", accounts.HEAVY, "--plain",
                             "--port", server.plain_port, "--keys", server.path("keys"), "--rounds", options.changes, "--interval",
                             options.interval, "--settle", 100, "--server-pid", server.process.pid)
    stats = dict(line.split("\t") for line in server.musterctl("stats").stdout.splitlines())
    ours.send("over")
    process.join()
    invalid = {name: int(value) for name, value in stats.items() if mode == "annotate" and name.startswith("smime_") and value != "0"
               and name in ("smime_busy", "smime_replay", "smime_chain", "smime_old_timestamp", "smime_sig_invalid", "smime_bad_mime")}
    report["objects"] = int(stats.get("smime_ok", 0)) - (before if mode == "annotate" else 0)
    report["invalid"] = sum(invalid.values())
    return report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--senders", type=int, default=200)
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--rate", type=int, default=1000, help="messages a second, of all senders together")
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--interval", type=int, default=20)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    reports = {"off": [], "annotate": []}
    with tempfile.TemporaryDirectory() as folder:
        plain = os.path.join(folder, "plain")
        accounts.write_contacts(os.path.join(folder, "watchers"), "user", options.watchers, True)
        os.makedirs(plain)
        with open(os.path.join(plain, "accounts.tsv"), "w") as out:
            out.writelines(f"{jid}\t{password}\n" for jid, password in people("sender", options.senders) + people("sink", RECEIVERS))
        open(os.path.join(plain, "rosters.tsv"), "w").close()
        files = accounts.concatenate([os.path.join(folder, "watchers"), plain], os.path.join(folder, "all"))
        server = peers.Musterd(options.build, 1)
        try:
            authority = Authority(server.path("im.pem"))
            pairs = {jid: authority.vouch(jid) for jid, _ in people("sender", options.senders)}
            server.open(*files)
            for n in range(2 * options.rounds):
                mode = ("off", "annotate")[(n + n // 2) % 2]  # off, annotate, annotate, off, ...
                report = round_play(options, server, mode, files, pairs)
                reports[mode].append(report)
                print(f"{mode:8} " + ", ".join(f"{name} {report[name]}" for name in (
                    "delivery_p50_ms", "delivery_p99_ms", "last_watcher_p50_ms", "last_watcher_p99_ms", "objects", "invalid")), flush=True)
        finally:
            server.stop()
            server.remove()
    for name in ("delivery_p50_ms", "delivery_p99_ms", "last_watcher_p50_ms", "last_watcher_p99_ms"):
        off, on = (statistics.median(report[name] for report in reports[mode]) for mode in ("off", "annotate"))
        print(f"{name}: off {off:.3f}, annotate {on:.3f}: {(on / off - 1) * 100:+.1f} %")
    return 0 if all(report["objects"] and not report["invalid"] for report in reports["annotate"]) else 1


if __name__ == "__main__":
    sys.exit(main())
