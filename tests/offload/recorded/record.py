#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record what the real clients write, without TLS: record.py BUILD, which writes stanzas.txt anew, beside this script.

Each item is `CLIENT LENGTH`, a line's end, so many octets, and a line's end: a stream's header, a first-level element, or the end of the stream. What only
differs in its digits from an item before it is left out, and so is what comes behind ITEM_BYTES_MAX octets. Passwords and JIDs are those of the end-to-end tests.
"""
import os
import re
import sys
import xml.parsers.expat

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))
import clients  # noqa: E402
import run  # noqa: E402
import servers  # noqa: E402
import test_clients  # noqa: E402
from proxy import Proxy  # noqa: E402
from terminal import Profanity  # noqa: E402

ITEM_BYTES_MAX = 1024  # tests/offload/corpus.h has no more; the classifier looks at 256

HEADER = re.compile(rb"(?:<\?xml[^>]*\?>\s*)?<stream:stream\b[^>]*>")


def elements_of(stream):
    """The items of one stream, from its header to its end."""
    header = HEADER.match(stream)
    ends, depth, has_more = [header.end()], 0, False
    parser = xml.parsers.expat.ParserCreate()

    def start(*_):
        nonlocal depth, has_more
        depth += 1
        has_more = depth != 2

    def end(_):
        nonlocal depth
        depth -= 1
        if depth == 1:
            at = parser.CurrentByteIndex  # where the end tag begins, or behind an empty element's only tag
            is_empty = not has_more and stream[at - 2:at] == b"/>"
            ends.append(at if is_empty else stream.index(b">", at) + 1)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(stream, False)
    ends.append(len(stream))
    yield stream[:header.end()]
    for begin, finish in zip(ends, ends[1:]):
        if stream[begin:finish].strip():
            yield stream[begin:finish]


def items_of(octets):
    begins = [match.start() for match in HEADER.finditer(octets)] + [len(octets)]
    for begin, finish in zip(begins, begins[1:]):
        yield from elements_of(octets[begin:finish])


def record(server, play):
    """What the clients of `play` have written, connection by connection."""
    heard, port = {}, server.plain_port
    proxy = Proxy(port, hears=lambda client, data: heard.setdefault(client, bytearray()).extend(data))
    server.plain_port = proxy.port
    try:
        play()
    finally:
        server.plain_port = port
        proxy.close()
    return [bytes(octets) for octets in heard.values()]


def play_profanity(bench):
    """Two people at their terminals."""
    server, people = bench.server, []
    for _ in range(2):
        person = bench.on_close(Profanity(server))
        person.proxy.target = ("127.0.0.1", server.plain_port)
        people.append(person.log_in(*bench.account(), tls="disable"))
    one, other = people
    one.type(f"/sub request {other.jid.split('/')[0]}")
    other.expect("presence", type="subscribe")
    other.type(f"/sub allow {one.jid.split('/')[0]}")
    one.expect("presence", type="subscribed")
    one.type("/status set away \"gone for tea\"")
    one.expect("presence", where=lambda stanza: "away" in "".join(stanza.itertext()))
    one.type(f"/msg {other.jid.split('/')[0]} hello there")
    other.expect("message", where=lambda stanza: "hello there" in "".join(stanza.itertext()))
    one.type("/ping")
    one.wait_log("Ping response|ping")
    bench.close()


def main():
    build = os.path.abspath(sys.argv[1])
    server = servers.Musterd(build, 2).start()
    bench = run.Bench(server, build)
    plays = {kind: test_clients.life(kind, kind, "none") for kind in clients.KINDS}
    plays["profanity"] = play_profanity
    seen = set()
    try:
        with open(os.path.join(HERE, "stanzas.txt"), "wb") as out:
            for name, play in plays.items():
                streams = record(server, lambda: (play(bench), bench.close()))
                for item in (item[:ITEM_BYTES_MAX] for octets in streams for item in items_of(octets)):
                    shape = name, re.sub(rb"[0-9]+", b"0", item)
                    if shape not in seen:
                        seen.add(shape)
                        out.write(b"%s %d\n%s\n" % (name.encode(), len(item), item))
                print(f"{name}: {len(streams)} connections, {len([shape for shape in seen if shape[0] == name])} items")
    finally:
        bench.close()
        bench.end()
        server.remove()


if __name__ == "__main__":
    main()
