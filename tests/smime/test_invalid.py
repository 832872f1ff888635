#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The invalid cases, I1 to I26 (docs/conformance.md), as far as one program sees them: verdict and reason. OpenSSL's program agrees wherever the
signature decides; what only a server does is in tests/e2e."""
import base64
import re
import xml.etree.ElementTree as ElementTree

import der
import tool
from tool import JULIET, NOW, ROMEO, canonical, certificate, cpim, decode_object, encode_object, identity, key, later, object_of, openssl, pidf, \
    stamp, stanza_around

OLD = "--legacy-algorithms"


class Signatures(tool.Case):
    """I1 to I3, I14 to I17: octets and algorithms."""

    def signature_bent(self, stanza, bend):
        """The object with its detached signature's DER changed by `bend`."""
        text = object_of(stanza)
        head, _, signature, end = re.fullmatch(r"(.*?boundary=\"?([^\"\n;]+).*--\2\n(?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*\n)(.*?)(\n--\2--\s*)", text, re.S).groups()
        octets = bend(base64.b64decode(signature))
        return stanza_around(head + "\n".join(re.findall(".{1,64}", base64.b64encode(octets).decode())) + end)

    def test_I1_one_bit_in_body_header_signature(self):
        for more in (), ("--opaque",):
            for who in "juliet", "juliet-rsa", "juliet-ed25519":
                stanza = self.sign("Wherefore art thou, Romeo?", *more, who=who)
                able = who != "juliet-ed25519"
                if more:
                    bent = [decode_object(object_of(stanza)).replace(*change) for change in ((b"Wherefore", b"Vherefore"), (b"DateTime: 2026", b"DateTime: 2027"))]
                    bent = [stanza_around(encode_object(octets, "signed-data")) for octets in bent]
                    signature = stanza_around(encode_object(der.flip(decode_object(object_of(stanza))), "signed-data"))
                else:
                    bent = [stanza.replace(*change) for change in ((b"Wherefore", b"Vherefore"), (b"DateTime: 2026", b"DateTime: 2027"))]
                    signature = self.signature_bent(stanza, der.flip)
                for changed in bent:
                    self.refused("digest-mismatch", changed, is_oracle_able=able)
                self.refused("sig-invalid", signature, is_oracle_able=able)

    def test_I1_one_bit_anywhere(self):
        """No single bit of what is signed, and none of the signature's DER that changes what it says, is without effect."""
        stanza = self.sign("short")
        start, end = stanza.index(b"Message/CPIM"), stanza.index(b"short") + 5
        for at in range(start, end, 11):
            changed = stanza[:at] + bytes((stanza[at] ^ 1,)) + stanza[at + 1:]
            if stanza[at] in b"\n<>&]" or changed[at] in b"\n\r<>&]" or changed[at] < 32:
                continue
            reason, _ = self.verify(changed)
            self.assertNotEqual(reason, "ok", (at, changed[at - 5:at + 5]))

    def test_I2_cpim_headers_in_another_order(self):
        stanza = self.sign()
        first, second = re.search(rb"(From: [^\n]+\n)(To: [^\n]+\n)", stanza).groups()
        self.refused("digest-mismatch", stanza.replace(first + second, second + first))

    def test_I3_binary_with_lone_lf(self):
        entity = b"Content-Type: application/octet-stream\r\n\r\nline\nline\r\n"
        whole = canonical(cpim("")).encode().rstrip(b"\r\n") + b"\r\n\r\n" + entity
        path = self.file("binary", whole)
        cms = openssl("cms", "-sign", "-binary", "-in", path, "-signer", certificate("juliet"), "-inkey", key("juliet"), "-outform", "DER").stdout
        text = self.multipart(whole.decode(), cms)
        self.refused("digest-mismatch", stanza_around(text))  # XML has made one kind of line ends of them
        good = self.multipart(canonical(whole.decode()),
                              openssl("cms", "-sign", "-in", path, "-signer", certificate("juliet"), "-inkey", key("juliet"), "-outform", "DER").stdout)
        self.valid(stanza_around(good))

    def multipart(self, entity, cms):
        signature = "\n".join(re.findall(".{1,64}", base64.b64encode(cms).decode()))
        return (f'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg="sha-256"; boundary="b0"\n\n--b0\n{entity}\n--b0\n'
                f'Content-Type: application/pkcs7-signature; name="smime.p7s"\nContent-Transfer-Encoding: base64\n\n{signature}\n--b0--\n').replace("\r", "")

    def signed_by_openssl(self, entity, *words):
        """Detached, by the oracle: by juliet unless words say who."""
        words = words if "-signer" in words else (*words, "-signer", certificate("juliet"), "-inkey", key("juliet"))
        r = openssl("cms", "-sign", "-in", self.file("entity", entity), "-outform", "DER", *words)
        self.assertEqual(r.returncode, 0, r.stderr)
        return self.multipart(entity, r.stdout)

    def test_I14_two_signers_one_bad(self):
        both = [w for name in ("juliet", "romeo") for w in ("-signer", certificate(name), "-inkey", key(name))]
        text = self.signed_by_openssl(cpim(), *both)
        for which in 0, 1:
            def bend(octets, which=which):
                tree = der.read(octets)
                info = der.signer_infos(tree)[1][which][1]
                info[-1][1] = der.flip(info[-1][1])
                return der.write(tree)
            bent = self.signature_bent(stanza_around(text), bend)
            for mode in "require", "strict", "legacy":
                with self.subTest(which, mode=mode):
                    reason, _ = self.verify(bent, "--mode", mode)
                    self.assertIn(reason, ("sig-invalid", "bad-cms"))
            self.assertFalse(self.oracle(bent))
        self.refused("bad-cms", stanza_around(text), "--mode", "strict")  # whose is it?

    def test_I15_weak_algorithms(self):
        self.refused("alg-refused", stanza_around(self.signed_by_openssl(cpim(), "-md", "sha1")))
        for more in (), (OLD,):
            self.refused("alg-refused", stanza_around(self.signed_by_openssl(cpim(), "-md", "md5", "-signer", certificate("juliet-rsa"), "-inkey",
                                                                             key("juliet-rsa"))), *more)
            self.refused("key-too-small", stanza_around(self.signed_by_openssl(cpim(), "-signer", certificate("rsa-1024"), "-inkey", key("rsa-1024"))), *more)
        self.refused({"chain", "alg-refused"}, self.sign(who="sha1"))

    def test_I16_gcm_tag_short_or_flipped(self):
        whole = decode_object(self.encrypt(cpim(), "romeo").decode())

        def opens(octets):
            words = identity("romeo")
            r = tool.run("decrypt", *words, given=encode_object(octets, "authEnveloped-data"))
            self.assertIn(r.returncode, (0, 1))
            self.assertEqual(r.stdout == b"", r.returncode == 1)
            return r.returncode == 0

        self.assertTrue(opens(der.write(der.read(whole))))
        for length in 16, 12, 8, 4:
            tree = der.read(whole)
            fields = tree[1][1][1][0][1]
            encrypted = next(f for f in fields if f[0] == 0x30)
            parameters = encrypted[1][1][1][1][1]
            if len(parameters) == 1:
                parameters.append([0x02, b""])
            parameters[1][1] = bytes((length,))
            mac = next(f for f in fields[fields.index(encrypted):] if f[0] == 0x04)
            mac[1] = mac[1][:length]
            with self.subTest(length):
                if length < 12:
                    self.assertFalse(opens(der.write(tree)), "a tag that can be guessed")
            mac[1] = der.flip(mac[1])
            self.assertFalse(opens(der.write(tree)))
            if length == 16:
                cipher = encrypted[1][-1]
                mac[1] = der.flip(mac[1])
                cipher[1] = der.flip(cipher[1], 3)
                self.assertFalse(opens(der.write(tree)))

    def test_I17_compressed_data(self):
        compressed = der.write([0x30, [[0x06, bytes.fromhex("2a864886f70d0109100109")], [0xa0, [[0x30, [
            [0x02, b"\0"], [0x30, [[0x06, bytes.fromhex("2a864886f70d0109100308")]]],
            [0x30, [[0x06, bytes.fromhex("2a864886f70d010701")], [0xa0, [[0x04, b"x" * 64]]]]]]]]]]])
        self.refused("bad-cms", stanza_around(encode_object(compressed, "compressed-data")))
        self.refused("bad-cms", stanza_around(encode_object(compressed, "signed-data")))

    def test_I17_deep_nesting(self):
        entity = cpim()
        for _ in range(2):
            entity = canonical(self.sign_entity(entity).decode())
        depths = {}
        for depth in range(3, 9):
            entity = canonical(self.sign_entity(entity).decode())
            depths[depth], _ = self.verify(stanza_around(entity))
        self.assertNotIn("ok", [depths[d] for d in depths if d > 4], depths)
        inner = cpim()
        for depth in range(40):
            inner = canonical(f"Content-Type: multipart/mixed; boundary=\"b{depth}\"\n\n--b{depth}\n{inner}\n--b{depth}--\n")
        self.refused("bad-mime", stanza_around(self.sign_entity(inner).decode()))

    def test_I17_too_large(self):
        self.refused("too-large", stanza_around(encode_object(b"\0" * 750000)))
        self.refused("too-large", stanza_around(self.multipart(cpim("Content-Type: text/plain\n\n" + "x" * 1000000), b"x")))
        # not even read to its end
        self.refused("too-large", b"<message><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>" + b"x" * (5 << 20), is_oracle_able=False)

    def test_I17_ten_thousand_names(self):
        r = tool.run("sign", "--as", "message", "--from", JULIET, "--to", ROMEO, *identity("san-10000"), given="x")
        self.assertEqual((r.returncode, r.stdout), (1, b""))  # nobody would read it
        self.refused({"too-large", "name-mismatch"}, stanza_around(self.signed_by_openssl(cpim(), "-signer", certificate("san-10000"), "-inkey", key("juliet"))))

    def test_I17_rsa_16384(self):
        text = self.signed_by_openssl(cpim(), "-nocerts", "-certfile", certificate("rsa-16384"), "-signer", certificate("rsa-twin"), "-inkey", key("juliet-rsa"))
        self.refused("alg-refused", stanza_around(text), is_oracle_able=False)


class Certificates(tool.Case):
    """I4 to I10, I24: who says so."""

    def test_I4_unknown_authority(self):
        for who in "juliet-stranger", "juliet-self":
            stanza = self.sign(who=who)
            self.refused("chain", stanza)
            self.assertFalse(self.oracle(stanza, "-CAfile", certificate("root")))
        self.valid(self.sign(who="juliet-stranger"), ca="other-root")
        self.refused("chain", self.sign(who="juliet-below"))
        self.valid(self.sign(who="juliet-below"), "--intermediates", certificate("intermediate"), is_oracle_able=False)  # it takes none from elsewhere
        self.valid(self.sign("x", "--chain", certificate("intermediate"), who="juliet-below"))
        self.valid(self.sign("x", "--chain", certificate("intermediate-im"), who="juliet-below-im"))
        self.refused({"chain", "eku-wrong"}, self.sign("x", "--chain", certificate("intermediate-tls"), who="juliet-below-tls"))

    def test_I5_expired_not_yet_valid(self):
        self.refused("expired", self.sign(who="expired"))
        self.refused("not-yet-valid", self.sign(who="not-yet"))

    def test_I6_revoked_by_list(self):
        lists = "--crl", tool.os.path.join(tool.CA, "root.crl")
        self.refused("revoked", self.sign(who="revoked"), *lists)
        self.valid(self.sign(who="revoked"))
        self.valid(self.sign(), *lists)
        self.refused({"chain", "revoked"}, self.sign(), "--crl", tool.os.path.join(tool.CA, "root-old.crl"))
        self.refused({"chain", "revoked"}, self.sign(), "--crl", tool.os.path.join(tool.CA, "other-root.crl"))

    def test_I6_list_of_a_plain_authority(self):
        """Whom we trust does not depend on whether there are lists."""
        lists = "--crl", tool.os.path.join(tool.CA, "root-plain.crl")
        for more in (), lists:
            self.valid(self.sign(who="juliet-plain"), *more, ca="root-plain")
        self.refused("revoked", self.sign(who="revoked-plain"), *lists, ca="root-plain")

    def test_I7_purposes(self):
        # certificate: require, strict, legacy; as the table of modes has it
        table = {"juliet": ("ok", "ok", "ok"), "eku-none": ("eku-missing", "eku-missing", "ok"), "eku-any": ("eku-wrong", "eku-wrong", "ok"),
                 "eku-email": ("eku-wrong", "eku-wrong", "ok"), "eku-client": ("eku-wrong", "eku-wrong", "eku-wrong"),
                 "eku-server": ("eku-wrong", "eku-wrong", "eku-wrong"), "eku-im-client": ("ok", "eku-mixed", "ok"),
                 "eku-im-server": ("ok", "eku-mixed", "ok"), "eku-im-email": ("ok", "ok", "ok")}
        marks = {"juliet": "im", "eku-im-client": "im-mixed", "eku-im-server": "im-mixed", "eku-im-email": "im", "eku-none": "legacy", "eku-any": "legacy",
                 "eku-email": "legacy"}
        for who, reasons in table.items():
            stanza = self.sign(who=who)
            self.assertTrue(self.oracle(stanza, "-CAfile", certificate("root")), "for any purpose it is good")
            for mode, reason in zip(("require", "strict", "legacy"), reasons):
                with self.subTest(who, mode=mode):
                    found, fields = self.verify(stanza, "--mode", mode)
                    self.assertEqual(found, reason)
                    if found == "ok":
                        self.assertEqual(fields["eku"], marks[who])

    def test_I8_usage_without_signature(self):
        self.refused("ku-wrong", self.sign(who="ku-encipher"))
        self.valid(self.sign(who="ku-repudiate"))
        self.valid(self.sign(who="ku-none"))

    def test_I9_authority_as_signer(self):
        self.refused({"chain", "ku-wrong", "eku-wrong"}, self.sign(who="ca-leaf"))

    def test_I10_names(self):
        for who in "tybalt", "name-email", "name-dns", "name-cn", "name-nul", "name-nul-im", "name-ia5", "name-authority", "name-high":
            with self.subTest(who):
                self.refused("name-mismatch", self.sign(who=who))
        for form in "xmppaddr", "im", "pres", "xmpp":
            for sender in "romeo@example.net", "juliet@example.com.example.org", "juliet@example.org", "example.com", "juliett@example.com":
                with self.subTest(form, sender=sender):
                    self.refused("name-mismatch", self.sign(who="name-" + form, sender=sender))

    def test_I24_no_client_of_tls(self):
        def is_fit(who, purpose):
            return openssl("verify", "-purpose", purpose, "-CAfile", certificate("root"), certificate(who)).returncode == 0
        for purpose in "sslclient", "sslserver":
            self.assertFalse(is_fit("juliet", purpose))
        self.assertTrue(is_fit("eku-im-client", "sslclient"))
        # and nobody asks for one by our request
        text = openssl("req", "-text", "-noout", given=self.works("certreq", "--jid", "juliet@example.com", "--key", key("juliet"))).stdout
        self.assertIn(b"1.3.6.1.5.5.7.3.40", text)
        self.assertNotIn(b"Client Authentication", text)


class Content(tool.Case):
    """I11 to I13, I18, I25: what is within."""

    def bare(self, entity, who="juliet", **around):
        return stanza_around(self.sign_entity(entity, who=who).decode(), **around)

    def test_I11_inner_names(self):
        self.refused("inner-from-mismatch", self.bare(cpim(sender="im:romeo@example.net")))
        self.refused("inner-to-mismatch", self.bare(cpim(to="im:tybalt@example.org")))
        self.refused("inner-to-mismatch", self.sign().replace(f"to='{ROMEO}'".encode(), b"to='tybalt@example.org'"))
        self.refused("inner-from-mismatch", self.bare(pidf(entity="pres:romeo@example.net"), kind="presence"))
        self.refused("inner-from-mismatch", self.bare(cpim(pidf(entity="pres:romeo@example.net")), kind="presence"))
        self.valid(self.bare(pidf(), kind="presence"))
        document = "Content-Type: application/xmpp+xml\n\n<xmpp xmlns='jabber:client'><message from='{}' to='{}'><body>x</body></message></xmpp>\n"
        self.valid(self.bare(cpim(document.format(JULIET, ROMEO))))
        self.refused("inner-from-mismatch", self.bare(cpim(document.format("romeo@example.net", ROMEO))))
        self.refused("inner-to-mismatch", self.bare(cpim(document.format(JULIET, "tybalt@example.org"))))

    def test_I12_stamps(self):
        for seconds, reason in ((-301, "old-timestamp"), (301, "future-timestamp"), (-300, "ok"), (300, "ok"), (-299, "ok"), (299, "ok")):
            with self.subTest(seconds):
                self.assertEqual(self.verify(self.sign(now=later(seconds=seconds)))[0], reason)
                self.assertEqual(self.verify(self.sign(now=later(seconds=seconds), kind="presence"))[0], reason)
        for time in "2026-07-01T11:45:36+00:00", "2026-07-01T13:45:36+02:00", "2026-07-01t11:45:36z", "2026-07-01 11:45:36Z", "yesterday":
            self.refused("bad-mime", self.bare(cpim(time=time)))
            self.refused("bad-mime", self.bare(pidf(time=time), kind="presence"))
        headers = ["From: <im:juliet@example.com>", "To: <im:romeo@example.net>"]
        self.refused("bad-mime", self.bare(cpim(headers=headers)))
        self.refused("bad-mime", self.bare(cpim(headers=headers + [f"DateTime: {stamp(NOW)}"] * 2)))
        self.refused("bad-mime", self.bare(cpim(headers=headers[:1] + headers + [f"DateTime: {stamp(NOW)}"])))

    def test_I12_equal_and_decreasing(self):
        state = "--state", self.path("seen")
        self.valid(self.sign("one"), *state)
        self.refused("decreasing-timestamp", self.sign("two, in the same moment"), *state)
        self.refused("decreasing-timestamp", self.sign("two", now=later(milliseconds=-1)), *state)
        self.valid(self.sign("two", now="2026-07-01T11:45:36.000000001Z"), *state)
        self.refused("decreasing-timestamp", self.sign("three", now="2026-07-01T11:45:36Z"), *state)
        self.valid(self.sign("to somebody else", to="nurse@example.com"), *state)

    def test_I13_replay(self):
        state = "--state", self.path("seen")
        stanza = self.sign()
        self.valid(stanza, *state)
        for minutes in 0, 1, 5, 9:
            self.refused("replay", stanza, *state, now=later(minutes=minutes))
        for minutes in 11, 60:
            self.refused("old-timestamp", stanza, *state, now=later(minutes=minutes))
        self.valid(self.sign("an hour later", now=later(minutes=60)), *state, now=later(minutes=60))

    def test_I18_dtd_in_pidf(self):
        head = "<?xml version='1.0' encoding='UTF-8'?>\n"
        for dtd, note in (("<!DOCTYPE presence>", "x"), ("<!DOCTYPE presence [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>", "&e;"), ("", "&e;"), ("<!-- c -->", "x"),
                          ("<?xml-stylesheet href='x'?>", "x")):
            for wrap in (lambda entity: entity), cpim:
                with self.subTest(dtd, note=note):
                    self.refused("bad-mime", self.bare(wrap(pidf(head=head + dtd, note=note)), kind="presence"))
        self.refused("bad-mime", self.bare(cpim("Content-Type: application/xmpp+xml\n\n<!DOCTYPE xmpp><xmpp xmlns='jabber:client'><message/></xmpp>")))
        self.refused("bad-mime", self.bare(pidf(head=""), kind="presence"))

    def test_I25_require_of_an_unknown_header(self):
        headers = ["From: <im:juliet@example.com>", "To: <im:romeo@example.net>", f"DateTime: {stamp(NOW)}"]
        self.valid(self.bare(cpim(headers=headers + ["Unheard: of"])))
        self.refused("bad-mime", self.bare(cpim(headers=headers + ["Unheard: of", "Require: Unheard"])))
        self.refused("bad-mime", self.bare(cpim(headers=headers + ["NS: x <mid:x@example.com>", "Require: x.Vital"])))


class Stanzas(tool.Case):
    """I19 to I23, I26: the part of one program in what a server answers."""

    def test_I19_two_objects(self):
        stanza = self.sign()
        twice = stanza.replace(b"</e2e>", b"</e2e>" + stanza[stanza.index(b"<e2e "):stanza.index(b"</e2e>")] + b"</e2e>")
        self.assertEqual(twice.count(b"<e2e "), 2)
        self.refused("bad-mime", twice)
        self.refused("bad-mime", stanza.replace(b"</e2e>", b"</e2e><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'/>"))
        self.fails("inspect", given=twice, status=1, error="more than one <e2e/>")

    def test_I20_body_beside(self):
        stanza = self.sign("the truth", "--body", "something <else>")
        self.assertEqual(ElementTree.fromstring(stanza).findtext("body"), "something <else>")
        self.valid(stanza, beside="body")
        self.assertNotIn("beside", self.valid(self.sign("the truth")))

    def test_I21_forged_status(self):
        mark = "<e2e-status xmlns='urn:xmpp:muster:e2e:0' result='valid' jid='juliet@example.com'/>"
        self.refused("no-signature", f"<message from='{JULIET}' to='{ROMEO}'>{mark}</message>".encode())
        forged = self.sign().replace(b"Wherefore", b"Therefore").replace(b"</e2e>", b"</e2e>" + mark.encode())
        self.refused("digest-mismatch", forged)

    def test_I22_presence_to_nobody(self):
        stanza = self.sign(kind="presence").replace(f" to='{ROMEO}'".encode(), b"")
        self.refused("inner-to-mismatch", stanza)
        self.valid(stanza, "--to", ROMEO)
        self.fails("sign", "--as", "presence", "--from", JULIET, *identity("juliet"), error="--to")

    def test_I23_error_stanza(self):
        stanza = self.sign().replace(b"<message ", b"<message type='error' ").replace(b" type='chat'", b"")
        self.valid(stanza)  # it is judged; who answers it is another question

    def test_I26_failures_of_decryption_look_alike(self):
        entity = cpim()
        for reader, other in (("romeo", "juliet-reads"), ("romeo-rsa", "juliet-rsa")):
            whole = decode_object(self.encrypt(entity, reader).decode())
            for broken in ("key", "octets", "reader"):
                octets = whole
                if broken == "octets":
                    octets = der.flip(whole, -20)
                elif broken == "key":
                    bent = der.read(whole)
                    leaf = bent[1][1][1][0][1][1][1][0]  # the only recipient's
                    while isinstance(leaf[1], list):
                        leaf = leaf[1][-1]
                    leaf[1] = der.flip(leaf[1], 5)
                    octets = der.write(bent)
                words = identity(other if broken == "reader" else reader)
                r = self.fails("decrypt", *words, given=encode_object(octets, "authEnveloped-data"), status=1)
                with self.subTest(reader, broken=broken):
                    self.assertEqual(r.stderr, b"muster-smime: standard input: cannot be decrypted\n")


if __name__ == "__main__":
    tool.main()
