# SPDX-License-Identifier: Apache-2.0
"""TLS as only hands make it: records of every legal and illegal shape, KeyUpdate, closure, suites. How TLS begins, and what other
libraries say: test_tls_handshakes.py.

What the server must answer depends on who opens its records: the kernel has other reasons for some refusals, and so other alerts; and
where it takes no new keys, a KeyUpdate ends the stream with <reset/>.
"""
import os

from clients import Missing, must
from sealed import (CONTENT_DATA, KEY_UPDATE_ASKING, KEY_UPDATE_QUIET, RECORD_PLAIN_MAX, Records, connect, expect_reset, logged_in, run_s_client,
                    wait_until, with_bystander)
from servers import KERNEL

ALERT_CLOSE_NOTIFY = 0
ALERT_UNEXPECTED_MESSAGE = 10
ALERT_BAD_RECORD_MAC = 20
ALERT_RECORD_OVERFLOW = 22
ALERT_ILLEGAL_PARAMETER = 47
ALERT_DECODE_ERROR = 50
CONTENT_CCS, CONTENT_ALERT, CONTENT_HANDSHAKE = 20, 21, 22
SUITES_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
SUITES_TLS12 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")
KEY_UPDATES_IN_A_ROW = 64  # more without data between are play
QUIET_RECORDS_IN_A_ROW = 32
EMPTY_FLOOD = 10000  # more than a socket's buffer holds at once


# ---- log-ins through records of every shape ----

def whole_log_in(shape, tls="direct", options=(), check=lambda stream: None):
    def test(bench):
        account = bench.account()
        stream = connect(bench, tls, *options)
        stream.socket.shape = shape(stream.socket)
        stream.log_in(account, "records")
        stream.ping()
        stream.socket.shape = stream.socket.records
        stream.send(f"<message to='{stream.jid}'><body>after</body></message>")
        element = stream.next()
        must("".join(element.itertext()) == "after", "the message did not come back")
        check(stream)
        close_properly(stream)
    return test


def close_properly(stream):
    stream.send("</stream:stream>")
    while stream.next() is not None:
        pass
    stream.read_to_end()
    must(stream.socket.alerts() == [ALERT_CLOSE_NOTIFY], f"alerts at the end: {stream.socket.alerts()}")


def one_byte_a_record(sealer):
    return lambda data: sealer.records(data, 1)


def padded(sealer):
    return lambda data: [f"content 23 {1 + i % 200} {data[i:i + 50].hex()}" for i in range(0, len(data), 50)]


def zero_length_between(sealer):
    return lambda data: [line for i in range(0, len(data), 40) for line in ("data -", "data -", f"data {data[i:i + 40].hex()}")]


def suite(name, tls12=False):
    def test(bench):
        options = ("--suite", name) + (("--tls12",) if tls12 else ())
        check = lambda stream: must(stream.ready[2] == name, f"the suite is {stream.ready}")
        whole_log_in(lambda sealer: lambda data: sealer.records(data, 100), "direct", options, check)(bench)
    return test


def handshake_in_pieces(bench):
    whole_log_in(lambda sealer: sealer.records, "direct", ("--cut", "7"))(bench)


def behind_finished(bench):
    """Data in the same write as the client's Finished is not lost."""
    for tls in ("direct", "starttls"):
        stream = connect(bench, tls, "--hold-finished")
        stream.open()  # the header is the first `send`
        stream.scram(*bench.account())
        stream.open().bind()
        stream.ping()


def maximum_length(bench):
    """Records of 2^14 bytes both ways, and the longest lawful with padding."""
    stream = logged_in(bench)
    before, after = f"<message to='{stream.jid}'><body>".encode(), b"</body></message>"
    text = b"x" * (3 * RECORD_PLAIN_MAX - len(before) - len(after))
    stream.send(before + text + after)
    must(len("".join(stream.next().itertext())) == len(text), "three full records did not arrive whole")
    body = before + b"y" * (1000 - len(before) - len(after)) + after
    stream.socket.command(f"content {CONTENT_DATA} {RECORD_PLAIN_MAX - len(body)} {body.hex()}", "send")
    must("y" * 10 in "".join(stream.next().itertext()), "the padded record did not arrive")
    stream.ping()


def large_stanza_in_small_records(bench):
    stream = logged_in(bench, "starttls")
    stream.socket.shape = lambda data: stream.socket.records(data, 97)
    stream.send(f"<message to='{stream.jid}'><body>{'z' * 16384}</body></message>")
    must(len("".join(stream.next().itertext())) == 16384, "16 KiB over many records did not arrive whole")
    stream.ping()


# ---- what must end the connection ----

def refused(commands, alerts, tls="direct", options=(), before=True, decrypts=True, by_kernel=None):
    """`commands(stream)` makes a record that must end the connection with one of `alerts` and nothing behind it; with
    `before` the client is logged in, else it only has TLS. `decrypts`: not so when the kernel tries and cannot, which it
    counts. `by_kernel`: the alert when the kernel opens the records, where that differs."""
    def test(bench):
        undecrypted = KERNEL.since_start("TlsDecryptError")
        stream = logged_in(bench, tls, *options) if before else connect(bench, tls, *options)
        if not before:
            stream.open()
        jid = stream.jid
        stream.socket.command(*commands(stream), "send")
        stream.read_to_end()
        found = stream.socket.alerts()
        wanted = [by_kernel] if by_kernel and Records(bench.server).by_kernel else alerts
        must(found in [[alert] for alert in wanted], f"the alerts are {found}, wanted one of {wanted}")
        must(stream.socket.events[-1][0] == "alert", f"something came behind the fatal alert: {stream.socket.events[-3:]}")
        if jid:
            gone = wait_until(lambda: jid not in bench.server.musterctl("session", "list").stdout)
            must(gone, "its session is still there")
        if KERNEL.is_wanted:
            undecrypted = KERNEL.since_start("TlsDecryptError") - undecrypted
            must(undecrypted == (not decrypts), f"the kernel counted {undecrypted} records that it could not decrypt")
            KERNEL.provoked += undecrypted
    return with_bystander(test)


DATA = "<presence/>".encode().hex()


def overlong(stream):
    return [f"content {CONTENT_DATA} 0 {'20' * (RECORD_PLAIN_MAX + 1)}"]


def overlong_header(stream):
    return ["plain 17030341ff"]


def truncated(bench):
    """Half a record, then the end: the session ends, nobody else notices."""
    for end in ("shut", "reset"):
        stream = logged_in(bench)
        stream.socket.command(f"data {DATA}", "cut 3", "send", end)
        if end == "shut":
            stream.read_to_end()
        gone = wait_until(lambda: stream.jid not in bench.server.musterctl("session", "list").stdout)
        must(gone, f"half a record, then {end}: the session is still there")


def flood(record):
    return refused(lambda stream: [record] * (QUIET_RECORDS_IN_A_ROW + 8), [ALERT_UNEXPECTED_MESSAGE])


def empty_flood(bench):
    """The kernel opens empty records without a word to the server, which can neither count them nor is woken by them; for a peer
    they are no better than records of one blank. So they are not refused there, but must not hold anything up."""
    if not Records(bench.server).by_kernel:
        return flood("data -")(bench)

    def unrefused(bench):
        stream = logged_in(bench)
        for _ in range(EMPTY_FLOOD // 500):
            stream.socket.command(*["data -"] * 500, "send")
        stream.ping()
    with_bystander(unrefused)(bench)


def a_few_quiet_records(bench):
    stream = logged_in(bench)
    for _ in range(5):
        stream.socket.command(*["data -"] * (QUIET_RECORDS_IN_A_ROW - 2), "send")
        stream.ping()


# ---- KeyUpdate ----

def updated(request, every):
    """A whole log-in with a KeyUpdate before every `every`-th record."""
    def shape(sealer):
        count = [0]

        def commands(data):
            lines = []
            for line in sealer.records(data, 60):
                if count[0] % every == 0:
                    lines.append(f"update {request}")
                lines.append(line)
                count[0] += 1
            return lines
        return commands

    def test(bench):
        if not Records(bench.server).can_rekey:
            stream = logged_in(bench)
            stream.socket.command(f"update {request}", "send")
            return expect_reset(stream)

        def check(stream):
            updates = stream.socket.updates()
            must(all(words == ("update", "0") for words in updates), f"the server's KeyUpdates: {updates}")
            must(bool(updates) == (request == KEY_UPDATE_ASKING), f"{len(updates)} answers to KeyUpdates with request {request}")
        whole_log_in(shape, "starttls", (), check)(bench)
    return with_bystander(test)


def limited(request):
    """1,000 KeyUpdates in a row: an alert ends the connection."""
    def test(bench):
        stream = logged_in(bench)
        stream.socket.command(*[f"update {request}"] * 1000, "send")
        if not Records(bench.server).can_rekey:
            return expect_reset(stream)
        stream.read_to_end()
        alerts = stream.socket.alerts()
        must(alerts == [ALERT_UNEXPECTED_MESSAGE], f"the alerts are {alerts}")
        must(len(stream.socket.updates()) <= KEY_UPDATES_IN_A_ROW, f"{len(stream.socket.updates())} answers")
    return with_bystander(test)


def as_many_as_allowed(bench):
    stream = logged_in(bench)
    if not Records(bench.server).can_rekey:
        raise Missing("this kernel takes no new keys")
    for _ in range(4):
        stream.socket.command(*[f"update {KEY_UPDATE_ASKING}"] * KEY_UPDATES_IN_A_ROW, "send")
        stream.ping()
    must(len(stream.socket.updates()) == 4 * KEY_UPDATES_IN_A_ROW, f"{len(stream.socket.updates())} answers")


def updates_unread(bench):
    """A peer that asks for KeyUpdates between data and reads no answers costs no more than what is limited."""
    stream = logged_in(bench)
    if not Records(bench.server).can_rekey:
        raise Missing("this kernel takes no new keys")
    lines = ["update 1", "data 20"] * 200
    for _ in range(10):
        stream.socket.command(*lines, "send")
    stream.ping()


# ---- closure ----

def close_notify(bench):
    """A client that says close_notify: the stream is closed towards it, close_notify answered."""
    stream = logged_in(bench)
    stream.socket.command(f"content {CONTENT_ALERT} 0 0100", "send")
    must(stream.next() is None and stream.depth == 0, "no </stream:stream>")
    stream.read_to_end()
    must(stream.socket.alerts() == [ALERT_CLOSE_NOTIFY], f"the alerts are {stream.socket.alerts()}")
    must(stream.socket.events[-1][0] == "alert", "data came behind close_notify")


def shutdown_says_close_notify(bench):
    """The server ends a stream: the error, </stream:stream>, close_notify, end."""
    stream = logged_in(bench)
    stream.send("<message to='a' from='b@c'/>")
    stream.expect_stream_error("invalid-from")
    stream.read_to_end()
    must(stream.socket.alerts() == [ALERT_CLOSE_NOTIFY], f"the alerts are {stream.socket.alerts()}")


def fatal_alert_of_peer(bench):
    stream = logged_in(bench)
    stream.socket.command(f"content {CONTENT_ALERT} 0 0228", "send")
    stream.read_to_end()


# ---- TLS 1.2 ----

def with_tls12(test):
    def run(bench):
        if os.environ.get("MUSTER_TLS_ALLOW_TLS12") == "true":
            return test(bench)
        os.environ["MUSTER_TLS_ALLOW_TLS12"] = "true"
        try:
            bench.server.restart()
            test(bench)
        finally:
            del os.environ["MUSTER_TLS_ALLOW_TLS12"]
            bench.close()
            bench.server.restart()
    return run


def tls12(bench):
    """All suites, every shape of record, each way to end."""
    code, _, said = run_s_client(bench.server, "-tls1_2")
    must(code == 0 and "TLSv1.2" in said, f"s_client -tls1_2: exit {code}: {said[-300:]}")
    for name in SUITES_TLS12:
        suite(name, tls12=True)(bench)
    for shape in (one_byte_a_record, zero_length_between):
        whole_log_in(shape, "starttls", ("--tls12",))(bench)
    refused(lambda stream: [f"flip 90 {DATA}"], [ALERT_BAD_RECORD_MAC], options=("--tls12",), decrypts=False)(bench)
    refused(overlong, [ALERT_RECORD_OVERFLOW], options=("--tls12",))(bench)
    refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 01000000"], [100, ALERT_UNEXPECTED_MESSAGE], options=("--tls12",))(bench)
    refused(lambda stream: [f"content {CONTENT_CCS} 0 01"], [ALERT_UNEXPECTED_MESSAGE], options=("--tls12",))(bench)
    stream = logged_in(bench, "direct", "--tls12")
    stream.socket.command(f"content {CONTENT_ALERT} 0 0100", "send")
    stream.read_to_end()
    must(stream.socket.alerts() == [ALERT_CLOSE_NOTIFY], f"the alerts are {stream.socket.alerts()}")


def kernel_does_it(bench):
    """The server says who opens records, and it is so."""
    records = Records(bench.server)
    before = bench.server.stat("tls_kernel_records")
    logged_in(bench)
    after = bench.server.stat("tls_kernel_records")
    must((after == before + 1) if records.by_kernel else (after == before == 0),
         f"by_kernel={records.by_kernel}, but tls_kernel_records went from {before} to {after}")


CASES = (
    ("records are opened by whom it says", kernel_does_it),
    *((f"suite {name}", suite(name)) for name in SUITES_TLS13),
    ("log-in, one byte a record, direct", whole_log_in(one_byte_a_record)),
    ("log-in, one byte a record, starttls", whole_log_in(one_byte_a_record, "starttls")),
    ("log-in, padded records", whole_log_in(padded)),
    ("log-in, empty records between", whole_log_in(zero_length_between)),
    ("handshake in pieces of 7 bytes", handshake_in_pieces),
    ("data behind the client's Finished", behind_finished),
    ("records of maximum length", maximum_length),
    ("16 KiB stanza over many records", large_stanza_in_small_records),
    ("empty records, a few", a_few_quiet_records),
    ("empty records, a flood", empty_flood),
    ("user_canceled, a flood", flood(f"content {CONTENT_ALERT} 0 015a")),
    ("a bit turned in the text", refused(lambda stream: [f"flip 3 {DATA}"], [ALERT_BAD_RECORD_MAC], decrypts=False)),
    ("a bit turned in the tag", refused(lambda stream: [f"flip 150 {DATA}"], [ALERT_BAD_RECORD_MAC], "starttls", decrypts=False)),
    ("a bit turned before log-in", refused(lambda stream: [f"flip 8 {DATA}"], [ALERT_BAD_RECORD_MAC], before=False, decrypts=False)),
    ("a record too short for its tag", refused(lambda stream: ["plain 17030300051122334455"], [ALERT_BAD_RECORD_MAC])),
    # The outer type is authenticated, and the kernel takes it for application data's without a look.
    ("wrong outer type", refused(lambda stream: [f"text {CONTENT_HANDSHAKE} {DATA}17"], [ALERT_UNEXPECTED_MESSAGE], decrypts=False,
                                 by_kernel=ALERT_BAD_RECORD_MAC)),
    ("unknown outer type", refused(lambda stream: [f"text 99 {DATA}17"], [ALERT_UNEXPECTED_MESSAGE], decrypts=False,
                                   by_kernel=ALERT_BAD_RECORD_MAC)),
    ("ChangeCipherSpec behind the handshake", refused(lambda stream: ["plain 140303000101"], [ALERT_UNEXPECTED_MESSAGE],
                                                      by_kernel=ALERT_BAD_RECORD_MAC)),
    ("unknown inner type", refused(lambda stream: [f"content 99 0 {DATA}"], [ALERT_UNEXPECTED_MESSAGE])),
    ("no inner type", refused(lambda stream: [f"text {CONTENT_DATA} 000000"], [ALERT_UNEXPECTED_MESSAGE],
                              by_kernel=ALERT_BAD_RECORD_MAC)),
    ("plain text behind the handshake", refused(lambda stream: ["plain " + b"<presence/><presence/>".hex()],
                                                [ALERT_UNEXPECTED_MESSAGE], by_kernel=ALERT_RECORD_OVERFLOW)),
    ("over-long text", refused(overlong, [ALERT_RECORD_OVERFLOW])),
    ("over-long record", refused(overlong_header, [ALERT_RECORD_OVERFLOW])),
    ("a second ClientHello", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 01000000"], [ALERT_UNEXPECTED_MESSAGE])),
    ("malformed KeyUpdate", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 1800000102"], [ALERT_ILLEGAL_PARAMETER])),
    ("KeyUpdate of a wrong length", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 180000020000"], [ALERT_DECODE_ERROR])),
    ("KeyUpdate that is too long", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 180000010000"], [ALERT_UNEXPECTED_MESSAGE])),
    ("empty handshake record", refused(lambda stream: [f"content {CONTENT_HANDSHAKE} 0 -"], [ALERT_UNEXPECTED_MESSAGE])),
    ("empty alert", refused(lambda stream: [f"content {CONTENT_ALERT} 0 -"], [ALERT_UNEXPECTED_MESSAGE])),
    ("malformed alert", refused(lambda stream: [f"content {CONTENT_ALERT} 0 01"], [ALERT_DECODE_ERROR])),
    ("half a record, then the end", with_bystander(truncated)),
    ("KeyUpdate at every record of a log-in", updated(KEY_UPDATE_QUIET, 1)),
    ("KeyUpdate with request within a log-in", updated(KEY_UPDATE_ASKING, 2)),
    ("KeyUpdate, as many as allowed", with_bystander(as_many_as_allowed)),
    ("KeyUpdate, answers unread", with_bystander(updates_unread)),
    ("KeyUpdate, 1,000 in a row", limited(KEY_UPDATE_QUIET)),
    ("KeyUpdate with request, 1,000 in a row", limited(KEY_UPDATE_ASKING)),
    ("close_notify of the client", close_notify),
    ("close_notify of the server", shutdown_says_close_notify),
    ("fatal alert of the client", with_bystander(fatal_alert_of_peer)),
    ("TLS 1.2 allowed", with_tls12(tls12)),
)


def tests(server):
    if not server.is_musterd:
        return
    for name, test in CASES:
        yield f"tls: {name}", test
