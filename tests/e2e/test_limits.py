# SPDX-License-Identifier: Apache-2.0
"""Who says too much is slowed down or refused, and nobody else notices."""
import time

from clients import must
from raw import Raw, local
from test_admin import with_settings
from test_readers import come_online, counter

PINGS = 300  # a hundred at once, the others in two seconds and more


def throttle(bench):
    talker, other = come_online(bench, bench.account("talker")), come_online(bench, bench.account("other"))
    began = time.monotonic()
    talker.queue.clear()
    talker.send("".join(f"<iq type='get' id='{n}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" for n in range(PINGS)))
    other.ping()
    other_s = time.monotonic() - began
    answers = [talker.next().get("id") for _ in range(PINGS)]
    must(answers == [str(n) for n in range(PINGS)], "answers are missing, or out of order")
    talker_s = time.monotonic() - began
    must(talker_s > 1.8, f"{PINGS} stanzas were answered in {talker_s:.2f} s")
    must(other_s < talker_s / 2, f"another stream waited {other_s:.2f} s as well, of {talker_s:.2f} s")
    must(counter(bench, "streams_throttled") > 0, "nobody was throttled")


def wrong_passwords(bench):
    account = bench.account("guessed")
    for i, name in enumerate((account[0], "nobody@localhost")):
        waits = []
        for attempt in range(4):
            raw = bench.on_close(Raw(bench.server, "direct")).open()
            began = time.monotonic()
            failure = raw.scram(name, "wrong")
            must(local(failure) == "failure", f"a wrong password is answered with {local(failure)}")
            waits.append(time.monotonic() - began)
            delayed = counter(bench, "logins_delayed") - 2 * i
            must(delayed == max(0, attempt - 1), f"{name}: of {attempt + 1} wrong passwords {delayed} had to wait")
        must(waits[2] >= 0.25 and waits[3] >= 0.5, f"{name}: the waits are {waits}")


def tests(server):
    if server.is_musterd:
        yield "limits: a stream that says too much", with_settings("limits: {stanza_rate: 100, rate_burst_s: 1}", throttle)
        yield "limits: wrong passwords", with_settings("limits: {wrong_passwords: 1, login_delay_ms: 1000}", wrong_passwords)
