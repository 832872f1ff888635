# SPDX-License-Identifier: Apache-2.0
"""Who says too much is slowed down or refused, and nobody else notices."""
import time

from raw import Raw, local
from test_admin import must, with_settings
from test_readers import come_online, counter

PINGS = 200


def throttle(bench):
    talker, other = come_online(bench, bench.account("talker")), come_online(bench, bench.account("other"))
    began = time.monotonic()
    talker.queue.clear()
    talker.send("".join(f"<iq type='get' id='{n}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" for n in range(PINGS)))
    other.ping()
    must(time.monotonic() - began < 1, "another stream waits as well")
    answers = [talker.next().get("id") for _ in range(PINGS)]
    must(answers == [str(n) for n in range(PINGS)], "answers are missing, or out of order")
    must(time.monotonic() - began > 0.8, f"{PINGS} stanzas were answered in {time.monotonic() - began:.2f} s")
    must(counter(bench, "streams_throttled") > 0, "nobody was throttled")


def wrong_passwords(bench):
    account = bench.account("guessed")
    for name in (account[0], "nobody@localhost"):
        waits = []
        for _ in range(4):
            raw = bench.on_close(Raw(bench.server, "direct")).open()
            began = time.monotonic()
            failure = raw.scram(name, "wrong")
            must(local(failure) == "failure", f"a wrong password is answered with {local(failure)}")
            waits.append(time.monotonic() - began)
        must(waits[0] < 0.2 and waits[2] >= 0.25 and waits[3] >= 0.5, f"{name}: the waits are {waits}")
    must(counter(bench, "logins_delayed") == 4, f"{counter(bench, 'logins_delayed')} log-ins were delayed")


def tests(server):
    if server.is_musterd:
        yield "limits: a stream that says too much", with_settings("limits: {stanza_rate: 100, rate_burst_s: 1}", throttle)
        yield "limits: wrong passwords", with_settings("limits: {wrong_passwords: 1, login_delay_ms: 1000}", wrong_passwords)
