# SPDX-License-Identifier: Apache-2.0
"""A day of a person who sits at a terminal with Profanity, with a friend who uses another client."""
from raw import NS_CLIENT, Raw
from terminal import Profanity
from test_admin import must
from test_errors import Witnesses

take = Witnesses.take


def text_of(stanza, name):
    return next(("".join(child.itertext()) for child in stanza if child.tag.rpartition("}")[2] == name), "")


def friend_of(bench, account):
    friend = bench.on_close(Raw(bench.server).log_in(account, "desk"))
    friend.ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", "roster")
    friend.send("<presence/>")
    friend.ping()
    return friend


def become_friends(person, person_jid, friend, friend_jid):
    person.type(f"/roster add {friend_jid} Romeo")
    person.expect("iq", type="set", where=lambda s: friend_jid in str([i.attrib for i in s.iter()]))
    person.type(f"/sub request {friend_jid}")
    take(friend, "presence", type="subscribe", **{"from": person_jid})
    friend.send(f"<presence type='subscribed' to='{person_jid}'/><presence type='subscribe' to='{person_jid}'/>")
    person.expect("presence", from_=friend.jid, type="")
    person.expect("presence", from_=friend_jid, type="subscribe")
    person.type(f"/sub allow {friend_jid}")
    take(friend, "presence", type="subscribed", **{"from": person_jid})
    take(friend, "presence", **{"from": person.jid})


def talk(person, person_jid, friend, friend_jid):
    person.type(f"/msg {friend_jid} good morning, schöner Tag")
    must(take(friend, "message").findtext(f"{{{NS_CLIENT}}}body") == "good morning, schöner Tag", "the text came changed")
    friend.send(f"<message type='chat' to='{person.jid}'><body>to you &amp; yours</body></message>")
    got = person.expect("message", from_=friend.jid, where=lambda s: text_of(s, "body"))
    must(text_of(got, "body") == "to you & yours", "the answer came changed")


def day(bench):
    account, other = bench.account("terminal"), bench.account("friend")
    person = bench.on_close(Profanity(bench.server)).log_in(*account)
    friend = friend_of(bench, other)
    become_friends(person, account[0], friend, other[0])
    talk(person, account[0], friend, other[0])
    person.type('/status set away "out for lunch"')
    seen = take(friend, "presence", **{"from": person.jid})
    must(seen.findtext(f"{{{NS_CLIENT}}}show") == "away", "the friend does not see that the person is away")
    friend.send("<presence><show>dnd</show></presence>")
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "show") == "dnd")
    person.type("/disconnect")
    take(friend, "presence", type="unavailable", **{"from": person.jid})
    person.stanzas.clear()
    person.log_in(*account)
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "show") == "dnd")
    take(friend, "presence", **{"from": person.jid})


def tests(server):
    if server.is_musterd:
        yield "terminal: a day with profanity", day
