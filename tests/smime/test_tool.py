#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""muster-smime as its user sees it: words, files, forms of input and output; and both ways between it and OpenSSL's program."""
import os
import random
import re
import sys
import xml.etree.ElementTree as ElementTree

import tool
from tool import (JULIET, OLD_LIBRARY, ROMEO, canonical, certificate, cpim, decode_object, encode_object, identity, key, later, object_of, openssl,
                  run_as_it_is, stanza_around)

COMMANDS = "sign", "verify", "encrypt", "decrypt", "inspect", "certreq"
# Some seconds, with the sanitizers a minute.
OBJECTS_BENT = 150
FROM_TO = "--from", JULIET, "--to", ROMEO


class Words(tool.Case):
    def test_help_and_version(self):
        text = self.works("--help").decode()
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", text)
            self.assertIn(f"Usage: muster-smime {command}", self.works(command, "--help").decode())
        self.assertRegex(self.works("--version"), rb"\Amuster-smime \d+\.\d+\.\d+\n\Z")

    def test_manual_has_every_option(self):
        page = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "../../docs/muster-smime.md")
        with open(page, encoding="utf-8") as f:
            manual = f.read()
        for command in COMMANDS:
            for option in re.findall(r"^  --([a-z-]+)", self.works(command, "--help").decode(), re.M):
                self.assertIn(f"`--{option}", manual, command)

    def test_wrong_words(self):
        sign = "sign", *identity("juliet")
        for words, error in (((), "no command"), (("sing",), "unknown command: sing"), (("sign", "--loud"), "unknown option: --loud"), (("sign", "--key"), "needs a value"),
                             (("sign",), "sign --key"), (("verify",), "verify --ca"), (("encrypt",), "encrypt --recip"), (("decrypt", "--key", "x"), "decrypt --cert"),
                             (("certreq", "--key", "x"), "certreq --jid"), ((*sign, "--ca", "x"), "another command"), ((*sign, "word"), "one word too many: word"),
                             ((*sign, "--as", "iq", *FROM_TO), "--as is message|presence|stanza, not iq"), ((*sign, "--as", "message", "--to", ROMEO), "--from"),
                             ((*sign, "--as", "message", *FROM_TO, "--now", "noon"), "not a time"), ((*sign, "--as", "message", "--from", "@", "--to", ROMEO), "not a JID"),
                             ((*sign, "--as", "message", *FROM_TO, "--basic", "open"), "--as presence"), ((*sign, "--as", "presence", *FROM_TO, "--basic", "x"), "--basic is open|closed, not x"),
                             ((*sign, "--as", "message", *FROM_TO, "--in", "iq"), "--as stanza"), ((*sign, "--from", JULIET), "need --as"),
                             ((*sign, *sign[1:]), "given twice"), (("encrypt", "--recip", certificate("romeo"), "--pss"), "need --sign"),
                             (("encrypt", "--recip", certificate("romeo"), "--sign"), "--key and --cert"),
                             (("verify", "--ca", certificate("root"), "--mode", "lax"), "--mode is require|strict|legacy, not lax")):
            with self.subTest(words):
                self.fails(*words, given="x", error=error)

    def test_old_library(self):
        version = tuple(int(n) for n in re.match(r"OpenSSL (\d+)\.(\d+)\.(\d+)", openssl("version").stdout.decode()).groups())
        said = run_as_it_is("inspect", given="Content-Type: text/plain\n\nx").stderr
        self.assertEqual(bool(OLD_LIBRARY.match(said)), version < (3, 0, 22), (version, said))

    def test_files(self):
        empty = os.path.join(self.folder.name, "empty")
        os.mkdir(empty)
        sealed = self.path("sealed.key")
        openssl("pkey", "-in", key("juliet"), "-aes128", "-passout", "pass:x", "-out", sealed)
        sign = "sign", "--as", "message", *FROM_TO
        for words, error in (((*sign, "--cert", "none", "--key", key("juliet")), "none: No such file"), ((*sign, "--cert", __file__, "--key", key("juliet")), "not PEM"),
                             ((*sign, "--cert", certificate("juliet"), "--key", sealed), "passphrase"), ((*sign, "--cert", key("juliet"), "--key", key("juliet")), "juliet.key: certificate: none"),
                             ((*sign, "--cert", certificate("juliet"), "--key", key("juliet"), "--chain", key("root")), "root.key: chain: no certificate"),
                             ((*sign, "--cert", certificate("juliet"), "--key", key("romeo")), "romeo.key: "), (("verify", "--ca", empty), "empty: no file there has a certificate"),
                             (("verify", "--ca", key("juliet")), ""), (("certreq", "--jid", "@", "--key", key("juliet")), "")):
            with self.subTest(words):
                self.fails(*words, given="x", status=1 if words[0] == "certreq" else 2, error=error)

    def test_folder_of_authorities(self):
        folder = self.path("anchors")
        os.mkdir(folder)
        for name, source in (("a.crt", "other-root"), ("0a1b2c3d.0", "root")):
            with open(certificate(source), "rb") as f:
                self.file(os.path.join("anchors", name), f.read())
        self.file("anchors/README", "nothing to read")
        os.mkdir(os.path.join(folder, "old"))
        for who in "juliet", "juliet-stranger":
            self.assertEqual(tool.run("verify", "--ca", folder, "--now", later(), given=self.sign(who=who)).returncode, 0)

    def test_state(self):
        state = self.path("seen")
        stanza = self.sign()
        for expected in 0, 1:
            self.assertEqual(tool.run("verify", "--ca", certificate("root"), "--now", later(), "--state", state, given=stanza).returncode, expected)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["seen"], "nothing else is left there")
        self.assertEqual(os.stat(state).st_mode & 0o777, 0o600)
        # who was refused is not remembered, and cannot use up anybody's place
        before = self.content("seen")
        self.refused("digest-mismatch", stanza.replace(b"Wherefore", b"Therefore"), "--state", state)
        self.assertEqual(self.content("seen"), before)
        self.file("seen", "what is this\n")
        self.fails("verify", "--ca", certificate("root"), "--now", later(), "--state", state, given=stanza, error="not what --state writes")
        self.fails("verify", "--ca", certificate("root"), "--now", later(), "--state", self.folder.name, given=stanza)


class Forms(tool.Case):
    def test_stanza_that_is_written(self):
        stanza = ElementTree.fromstring(self.sign())
        self.assertEqual((stanza.tag, stanza.get("from"), stanza.get("to"), stanza.get("type"), [child.tag for child in stanza]),
                         ("message", JULIET, ROMEO, "chat", [tool.E2E]))
        self.assertNotEqual(stanza.get("id"), ElementTree.fromstring(self.sign()).get("id"))
        self.assertNotIn(b"\r", self.sign("one\r\ntwo\r\n"))

    def test_text_is_kept(self):
        for text, expected in (("", ""), ("x", "x"), ("x\n", "x"), ("\n\nx\n\n", "\n\nx\n"), ("<b>&amp;</b>", "<b>&amp;</b>"), ("From: x\n--b\n.\n", "From: x\n--b\n.")):
            with self.subTest(text):
                stanza = self.sign(text)
                self.valid(stanza, is_oracle_able=bool(text))
                signed = object_of(stanza).split("charset=utf-8\n\n", 1)[1]
                self.assertTrue(signed.startswith(expected + "\n--"), signed)
        bell = self.sign("a bell: \a")
        self.assertIn("Content-Transfer-Encoding: base64", object_of(bell))
        self.valid(bell)
        self.fails("sign", "--as", "message", *FROM_TO, *identity("juliet"), given=b"\xff\xfe", status=1, error="not UTF-8")
        self.fails("sign", "--as", "message", *FROM_TO, *identity("juliet"), given="x" * 70000, status=1, error="larger than readers take")

    def test_bare_objects(self):
        entity = self.sign("x", "--object")
        self.assertTrue(entity.startswith(b"Content-Type: multipart/signed"))
        self.valid(entity, *FROM_TO)
        self.valid(entity.replace(b"\r\n", b"\n"), *FROM_TO)
        self.fails("verify", "--ca", certificate("root"), given=entity, error="--from")
        presence = self.sign("x", "--object", "--bare", kind="presence")
        self.valid(presence, *FROM_TO, "--as", "presence")
        self.assertEqual(self.works("decrypt", *identity("romeo"), "--object", given=self.encrypt(self.sign("x"), "romeo"))[:30], b"Content-Type: multipart/signed")
        self.fails("sign", *identity("juliet"), given="no fields here", status=1, error="not a MIME object")

    def test_reading_what_is_no_stanza(self):
        for given, reason in ((b"<message>", "bad-mime"), (b"<message/>", "no-signature"), (b"<message/><message/>", "bad-mime"), (b"<a/>", "bad-mime"),
                              (b"<!DOCTYPE a><message/>", "bad-mime"), (b"<?xml version='1.0' encoding='UTF-16'?><message/>", "bad-mime"),
                              (b"<?xml version='1.0'?><?a?><message/>", "bad-mime"), (b"", "no-signature"), (b"<message from='@' to='a@b'><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>x</e2e></message>",
                                                                                       "name-mismatch")):
            with self.subTest(given):
                self.refused(reason, given, *(FROM_TO if not given else ()), is_oracle_able=False)

    def test_forms_of_time(self):
        stanza = self.sign()
        for now in "2026-07-01T11:45:36Z", "2026-07-01T11:45:36.000000001Z", "2026-07-01T13:45:36+02:00", "1782906336":
            self.valid(stanza, now=now, is_oracle_able=False)
        self.refused("old-timestamp", stanza, now="1782906637")

    def test_own_names_count_where_given(self):
        stanza = self.sign()
        self.refused("name-mismatch", stanza, "--from", "romeo@example.net")
        self.refused("inner-to-mismatch", stanza, "--to", "tybalt@example.org")

    def test_inspect(self):
        shown = self.works("inspect", given=self.sign("a \a bell")).decode()
        for part in ("stanza: message", "mime: multipart/signed", "mime: Message/CPIM", "from: im:juliet@example.com", "to: im:romeo@example.net",
                     "time: 2026-07-01T11:45:36Z", "content: a \\x07 bell", "cms: pkcs7-signedData", "digest: sha256", "signature: ecdsa-with-SHA256", "issuer: CN = Root",
                     "key: EC, 256 bits", "juliet@example.com", "IM URI", "Digital Signature"):
            self.assertIn(part.lower(), shown.lower())
        shown = self.works("inspect", given=self.sign("x", "--opaque", kind="presence")).decode()
        self.assertIn("entity: pres:juliet@example.com", shown)
        shown = self.works("inspect", given=self.sign("<iq type='get' id='i'><a xmlns='b'/></iq>", kind="stanza")).decode()
        self.assertIn("stanza: <iq type='get' id='i'><a xmlns='b'/></iq>", shown)
        shown = self.works("inspect", given=self.encrypt(cpim(), "romeo", "romeo-rsa")).decode()
        for part in "recipient: 1", "recipient: 2", "key agreement", "key transport", "content encryption":
            self.assertIn(part, shown)
        # RFC 3923 s. 3.3 shows base64 and nothing else
        bare = canonical(object_of(self.encrypt(self.sign(), "romeo"))).split("\r\n\r\n", 1)[1]
        self.assertIn("base64 without header fields", self.works("inspect", given=bare).decode())
        self.assertEqual(self.works("decrypt", *identity("romeo"), given=bare)[:30], b"Content-Type: multipart/signed")
        self.refused("no-signature", stanza_around(bare))


class Oracle(tool.Case):
    """Objects that OpenSSL's program makes; those that it is shown are in test_valid.py and test_invalid.py."""

    def cms(self, *words, given):
        r = openssl("cms", *words, "-in", self.file("in", given))
        self.assertEqual(r.returncode, 0, r.stderr)
        return re.sub(r"\r\n", "\n", r.stdout.decode())

    def test_signed_by_openssl(self):
        for who, words in (("juliet", ()), ("juliet-rsa", ()), ("juliet-p384", ("-md", "sha384")), ("juliet-rsa", ("-keyopt", "rsa_padding_mode:pss")), ("juliet", ("-nodetach",)), ("juliet", ("-nodetach", "-stream")),
                           ("juliet-rsa", ("-nodetach", "-md", "sha512")), ("juliet", ("-keyid",)), ("juliet", ("-cades",)), ("juliet", ("-nosmimecap",)),
                           ("juliet", ("-nodetach", "-stream"))):
            with self.subTest(who, words=words):
                words = ("-signer", certificate(who), "-inkey", identity(who)[3], *words)
                self.valid(stanza_around(self.cms("-sign", *words, given=cpim())), jid="juliet@example.com")
        # without signed attributes what is signed could be taken for attributes, and the other way round: the oracle takes it, we do not
        bare = stanza_around(self.cms("-sign", "-noattr", "-nodetach", "-signer", certificate("juliet"), "-inkey", key("juliet"), given=cpim()))
        self.refused("bad-cms", bare)
        self.assertTrue(self.oracle(bare))

    def test_encrypted_by_openssl(self):
        signed = canonical(self.sign_entity(cpim()).decode())
        old = "--legacy-algorithms"
        for reader, words, is_old in (("romeo-rsa", ("-aes-256-gcm", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"), False),
                                      ("romeo", ("-aes-256-gcm", "-keyopt", "ecdh_kdf_md:sha256"), False), ("romeo", ("-aes-128-gcm", "-keyopt", "ecdh_kdf_md:sha256"), False),
                                      ("romeo-rsa", ("-aes-128-cbc",), True), ("romeo", ("-aes-128-cbc", "-keyopt", "ecdh_kdf_md:sha256"), True), ("romeo-rsa", ("-aes-256-gcm",), True),
                                      ("romeo-rsa", ("-aes-128-cbc", "-stream"), True)):
            with self.subTest(reader, words=words):
                encrypted = self.cms("-encrypt", "-recip", certificate(reader), *words, given=signed)
                stanza = stanza_around(encrypted)
                opened = self.works("decrypt", *identity(reader), *([old] if is_old else []), given=stanza)
                self.assertEqual(canonical(object_of(opened)), signed)
                self.valid(opened)
                if is_old:
                    self.fails("decrypt", *identity(reader), given=stanza, status=1)

    def test_no_verdict_on_a_signature_differs(self):
        """Octets of whole objects changed, dropped and doubled, MIME and DER: what we take it takes, and what we refuse for its signature it refuses."""
        chance = random.Random(3923)
        counts = {}
        objects = [canonical(object_of(self.sign("Wherefore art thou", *more, who=who))) for who in ("juliet", "juliet-rsa") for more in ((), ("--opaque",))]
        for _ in range(OBJECTS_BENT):
            head, body = chance.choice(objects).split("\r\n\r\n", 1)
            octets = bytearray(decode_object(head + "\r\n\r\n" + body)) if "signed-data" in head else bytearray(body.encode())
            at = chance.randrange(len(octets))
            how = chance.choice((lambda: octets.__setitem__(at, octets[at] ^ 1 << chance.randrange(7)), lambda: octets.pop(at), lambda: octets.insert(at, octets[at])))
            how()
            text = encode_object(bytes(octets), "signed-data") if "signed-data" in head else head + "\r\n\r\n" + octets.decode()
            if "\0" in text or re.search(r"[\x01-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)", text):
                continue
            reason, _ = self.verify(canonical(text), *FROM_TO)
            counts[reason] = counts.get(reason, 0) + 1
            # with what its signing-certificate attribute says of the certificate, as we do
            if reason == "ok" or reason in tool.SIGNATURE_REASONS:
                self.assertEqual(self.oracle(text, "-CAfile", certificate("root"), "-cades"), reason == "ok", (reason, text))
        self.assertGreater(sum(counts.get(reason, 0) for reason in tool.SIGNATURE_REASONS), OBJECTS_BENT // 10, counts)

    def test_certificate_from_a_request(self):
        for name in "juliet", "juliet-rsa", "juliet-ed25519":
            request = self.file("request", self.works("certreq", "--jid", "Juliet@example.com", "--key", key(name)))
            r = openssl("x509", "-req", "-in", request, "-CA", certificate("root"), "-CAkey", key("root"), "-copy_extensions", "copyall", "-days", "3000", "-out", self.path("cert.pem"))
            self.assertEqual(r.returncode, 0, r.stderr)
            for kind in "message", "presence":
                stanza = self.works("sign", "--as", kind, *FROM_TO, "--key", key(name), "--cert", self.path("cert.pem"), given="x")
                r = tool.run("verify", "--ca", certificate("root"), given=stanza)
                self.assertEqual(r.returncode, 0, r.stdout)
                self.assertIn(b" jid=juliet@example.com ", r.stdout)


if __name__ == "__main__":
    tool.main()
