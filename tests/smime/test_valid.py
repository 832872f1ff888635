#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The valid cases, V1 to V20 (docs/conformance.md), by muster-smime as its user sees it; OpenSSL's program agrees on every one of them."""
import hashlib
import re
import xml.etree.ElementTree as ElementTree

import tool
from tool import JULIET, ROMEO, canonical, certificate, identity, key, later, object_of, openssl, stanza_around


class Valid(tool.Case):
    def test_V1_multipart_signed_p256(self):
        stanza = self.sign()
        public = openssl("pkey", "-in", key("juliet"), "-pubout", "-outform", "DER").stdout
        self.valid(stanza, jid="juliet@example.com", key="sha-256:" + hashlib.sha256(public).hexdigest(), time="2026-07-01T11:45:36Z", content="message",
                   eku="im", form="signed")
        self.assertIn("multipart/signed", object_of(stanza))
        self.valid(stanza, "--mode", "strict")

    def test_V2_rsa_2048(self):
        self.valid(self.sign(who="juliet-rsa"), jid="juliet@example.com")

    def test_V3_rsa_pss(self):
        stanza = self.sign("x", "--pss", who="juliet-rsa")
        self.valid(stanza)
        self.assertIn(b"rsassaPss", self.works("inspect", given=stanza))

    def test_V4_ed25519(self):
        for more in (), ("--opaque",):
            stanza = self.sign("by hand", *more, who="juliet-ed25519")
            self.valid(stanza, is_oracle_able=False)
            if not self.oracle(stanza):
                print(f"V4: {openssl('version').stdout.decode().split(' (')[0]} verifies no Ed25519 in CMS: here is no oracle")
        # so at least it has to see a change by itself
        self.refused("digest-mismatch", self.sign(who="juliet-ed25519").replace(b"Wherefore", b"Therefore"), is_oracle_able=False)

    def test_V5_opaque_signed_data(self):
        for who in "juliet", "juliet-rsa", "juliet-p384":
            with self.subTest(who):
                stanza = self.sign("x", "--opaque", who=who)
                self.valid(stanza, form="opaque", content="message")
                self.assertIn("smime-type=signed-data", object_of(stanza))

    def test_V6_presence_pidf(self):
        for basic in "open", "closed":
            stanza = self.sign("here & <there>", "--basic", basic, kind="presence")
            self.valid(stanza, content="presence")
            self.valid(stanza, "--mode", "strict", content="presence")
            self.assertIn(f"<basic>{basic}</basic>", object_of(stanza))
            self.assertIn("Message/CPIM", object_of(stanza))
        bare = self.sign("", "--bare", kind="presence")
        self.valid(bare, content="presence")
        self.assertNotIn("CPIM", object_of(bare))

    def test_V7_xmpp_document_in_message_presence_iq(self):
        inner = {"message": "<message type='headline'><body>x</body></message>", "presence": "<presence><show>away</show></presence>",
                 "iq": "<iq type='get' id='q7'><query xmlns='jabber:iq:version'/></iq>"}
        for kind, content in inner.items():
            for around in inner:
                with self.subTest(kind, around=around):
                    stanza = self.sign(content, "--in", around, kind="stanza")
                    self.assertEqual(ElementTree.fromstring(stanza).tag, around)
                    self.valid(stanza, content="stanza")
        iq = ElementTree.fromstring(self.sign(inner["iq"], kind="stanza"))
        self.assertEqual((iq.get("type"), iq.get("id")), ("get", "q7"), "what its answer is known by")

    def test_V8_certificate_left_out(self):
        for more in (), ("--opaque",):
            stanza = self.sign("x", "--no-certs", *more)
            self.refused("no-cert", stanza)
            self.assertEqual(self.verify(stanza, "--intermediates", certificate("juliet"))[0], "ok")
            self.assertTrue(self.oracle(stanza, "-certfile", certificate("juliet"), "-CAfile", certificate("root")))

    def test_V9_written_anew_without_cdata(self):
        for kind in "message", "presence":
            again = ElementTree.tostring(ElementTree.fromstring(self.sign("<a> & 'b' \"c\"\n]]>\n", kind=kind)))
            self.assertNotIn(b"CDATA", again)
            self.valid(again)
            self.valid(ElementTree.tostring(ElementTree.fromstring(again), encoding="utf-8", xml_declaration=True))
            self.valid(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + again + b"\n\n")

    def test_V10_two_cdata_sections(self):
        text = "an end: ]]> and two: ]]]]>>"
        stanza = self.sign(text)
        self.assertGreater(stanza.count(b"<![CDATA["), 1)
        self.valid(stanza)
        self.assertIn(text, object_of(stanza))
        whole = self.sign()
        for at in range(whole.index(b"<![CDATA[") + 9, whole.index(b"]]></e2e>"), 97):
            self.valid(whole[:at] + b"]]><![CDATA[" + whole[at:], is_oracle_able=False)
        mixed = whole.replace(b"Wherefore", b"]]>Where<![CDATA[fore")
        self.valid(mixed)

    def test_V11_blank_lines_folding_unquoted(self):
        text = object_of(self.sign())
        head, body = text.split("\n\n", 1)
        self.assertIn('protocol="application/pkcs7-signature"', head)
        folded = re.sub(r";\s*", ";\n  ", head)
        variants = {"blank lines": "\n\n \n" + text, "folded": folded + "\n\n" + body,
                    "unquoted": head.replace('"application/pkcs7-signature"', "application/pkcs7-signature") + "\n\n" + body,
                    "names in any case": head.replace("Content-Type", "CONTENT-type") + "\n\n" + body,
                    "old micalg": re.sub(r"micalg=\"?[\w-]+\"?", "micalg=sha256", head) + "\n\n" + body}
        for name, variant in variants.items():
            with self.subTest(name):
                self.assertNotEqual(variant, text)
                self.valid(stanza_around(variant), is_oracle_able=name != "blank lines")

    def test_V12_utf8(self):
        text = "Ünïcödé \u4f60\u597d \U0001f600 \u202e"
        stanza = self.sign(text)
        self.assertIn(text, object_of(stanza))
        self.valid(stanza)
        self.valid(self.sign(text, kind="presence"))

    def test_V13_signed_then_encrypted(self):
        for reader in "romeo", "romeo-rsa":
            stanza = self.works("encrypt", "--as", "message", "--from", JULIET, "--to", ROMEO, "--now", tool.stamp(tool.NOW), "--sign", *identity("juliet"),
                                "--recip", certificate(reader), given="for you")
            self.assertNotIn(b"for you", stanza)
            self.assertIn("smime-type=authEnveloped-data", object_of(stanza))
            self.refused("no-signature", stanza)
            opened = self.works("decrypt", *identity(reader), given=stanza)
            self.valid(opened, jid="juliet@example.com", content="message")
            self.assertIn("for you", object_of(opened))
        # in two steps, the stanza all along
        stanza = self.encrypt(self.sign("in two steps"), "romeo", "juliet-reads")
        for reader in "romeo", "juliet-reads":
            self.valid(self.works("decrypt", *identity(reader), given=stanza))

    def test_V14_oaep_and_ecdh(self):
        entity = canonical("Content-Type: text/plain; charset=utf-8\n\nf\u00fcr dich\n")
        for reader, algorithms in ("romeo-rsa", ("rsaesOaep",)), ("romeo", ("sha256kdf",)):
            with self.subTest(reader):
                encrypted = self.encrypt(entity, reader)
                shown = self.works("inspect", given=encrypted).decode()
                for algorithm in algorithms + ("aes-256-gcm",):
                    self.assertIn(algorithm.lower(), shown.lower())
                self.assertEqual(self.works("decrypt", *identity(reader), given=encrypted).decode(), entity)
                r = openssl("cms", "-decrypt", "-in", self.file("e", encrypted), "-recip", certificate(reader), "-inkey", identity(reader)[3])
                self.assertEqual((r.returncode, r.stdout.decode()), (0, entity), r.stderr)

    def test_V15_algorithms_of_rfc_3923(self):
        old = "--legacy-algorithms"
        stanza = self.sign("as in 2004", old, who="juliet-rsa")
        self.assertIn(b"sha1", self.works("inspect", given=stanza))
        self.valid(stanza, old)
        self.refused("alg-refused", stanza)
        encrypted = self.encrypt(stanza, "romeo-rsa", more=(old,))
        self.assertIn(b"aes-128-cbc", self.works("inspect", given=encrypted))
        self.valid(self.works("decrypt", old, *identity("romeo-rsa"), given=encrypted), old)
        self.fails("decrypt", *identity("romeo-rsa"), given=encrypted, status=1)
        r = openssl("cms", "-decrypt", "-in", self.file("e", canonical(object_of(encrypted))), *self.for_openssl("romeo-rsa"))
        self.assertEqual(r.stdout.decode(), canonical(object_of(stanza)))

    def test_V16_name_forms(self):
        for form in "xmppaddr", "im", "pres", "xmpp":
            with self.subTest(form):
                self.valid(self.sign(who="name-" + form), jid="juliet@example.com")
                self.valid(self.sign(kind="presence", who="name-" + form), jid="juliet@example.com")

    def test_V17_resource_differs(self):
        for sender in "juliet@example.com", "juliet@example.com/elsewhere":
            self.valid(self.sign(sender=sender))
            self.valid(self.sign(sender=sender, who="name-full"), jid="juliet@example.com")
        self.valid(self.sign(to=ROMEO + "/orchard"))
        self.valid(self.sign(to=ROMEO), "--to", ROMEO + "/orchard")

    def test_V18_case_and_idn(self):
        self.valid(self.sign(sender="JULIET@EXAMPLE.COM"), jid="juliet@example.com")
        self.valid(self.sign(who="name-mixed"), jid="juliet@example.com")
        stanza = self.sign().replace(JULIET.encode(), b"Juliet@Example.com/balcony")
        self.valid(stanza, jid="juliet@example.com")
        self.valid(self.sign(sender="juliet@b\u00fccher.example", who="name-idn"), jid="juliet@b\u00fccher.example")
        self.valid(self.sign(sender="juliet@B\u00dcCHER.example/x", who="name-idn"))

    def test_V19_purpose_critical_or_not(self):
        for who in "juliet", "eku-critical":
            self.valid(self.sign(who=who), eku="im")
            self.valid(self.sign(who=who), "--mode", "strict", eku="im")

    def test_V20_two_devices(self):
        state = "--state", self.path("seen")
        balcony = self.sign("from one", sender="juliet@example.com/balcony", now=later(seconds=2))
        chamber = self.sign("from the other, whose clock is slow", sender="juliet@example.com/chamber", now=later())
        again = self.sign("back", sender="juliet@example.com/balcony", now=later(seconds=1))
        for stanza in balcony, chamber:
            self.valid(stanza, *state, now=later(seconds=2))
        self.refused("decreasing-timestamp", again, *state, now=later(seconds=3))

    def for_openssl(self, reader):
        return "-recip", certificate(reader), "-inkey", key(reader)


if __name__ == "__main__":
    tool.main()
