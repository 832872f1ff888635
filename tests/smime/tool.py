# SPDX-License-Identifier: Apache-2.0
"""What the tests of muster-smime share: the program, certificates from make_ca, stanzas, and OpenSSL's own program as the oracle."""
import base64
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

MUSTER_SMIME = MAKE_CA = None
FOLDER = tempfile.TemporaryDirectory()
CA = os.path.join(FOLDER.name, "ca")

JULIET, ROMEO = "juliet@example.com/balcony", "romeo@example.net"
NOW = datetime(2026, 7, 1, 11, 45, 36, tzinfo=timezone.utc)
E2E = "{urn:ietf:params:xml:ns:xmpp-e2e}e2e"
# What only the octets and the key decide: there the oracle has to agree.
SIGNATURE_REASONS = {"digest-mismatch", "sig-invalid"}
# What is found out only once the signature holds.
BEHIND_SIGNATURE_REASONS = {
    "chain", "expired", "not-yet-valid", "revoked", "eku-missing", "eku-wrong", "eku-mixed", "ku-wrong", "name-mismatch", "inner-from-mismatch",
    "inner-to-mismatch", "old-timestamp", "future-timestamp", "decreasing-timestamp", "replay"}


def begin(arguments):
    """Take the programs' paths off the arguments and make the certificates."""
    global MUSTER_SMIME, MAKE_CA
    MUSTER_SMIME, MAKE_CA = (os.path.abspath(arguments.pop(1)) for _ in range(2))
    subprocess.run([MAKE_CA, CA], check=True, timeout=120)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + "Z"


def later(**by):
    return stamp(NOW + timedelta(**by))


def certificate(name):
    return os.path.join(CA, name + ".pem")


def key(name):
    return os.path.join(CA, name + ".key")


def identity(name):
    """Certificate and key of one row of make_ca; rows without a key of their own have that of juliet, P-256."""
    own = key(name)
    return "--cert", certificate(name), "--key", own if os.path.exists(own) else key("juliet")


# What every command says first where the machine's OpenSSL is old; what else it says is the same (test_tool.py looks at this line).
OLD_LIBRARY = re.compile(rb"\Amuster-smime: warning: OpenSSL older than [^\n]+\n")


def run_as_it_is(*words, given=b"", program=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENSSL_")}
    return subprocess.run([program or MUSTER_SMIME, *words], input=given.encode() if isinstance(given, str) else given,
                          capture_output=True, timeout=60, env=environment)


def run(*words, given=b"", program=None):
    r = run_as_it_is(*words, given=given, program=program)
    r.stderr = OLD_LIBRARY.sub(b"", r.stderr)
    return r


def openssl(*words, given=b""):
    return run(*words, given=given, program="openssl")


def object_of(stanza):
    """The text of the stanza's <e2e/>, as a parser that is not ours reads it."""
    if not stanza.lstrip().startswith(b"<"):
        return stanza.decode()
    return ElementTree.fromstring(stanza).find(E2E).text


def canonical(text):
    return re.sub(r"\r?\n", "\r\n", text.lstrip("\n"))


def stanza_around(text, kind="message", sender=JULIET, to=ROMEO, more=""):
    """Another writer of stanzas than muster-smime."""
    return (f"<{kind} from='{sender}' to='{to}' id='x'><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>{escape(text)}</e2e>{more}</{kind}>").encode()


def cpim(content="Content-Type: text/plain; charset=utf-8\n\nhello", sender="im:juliet@example.com", to="im:romeo@example.net", time=None,
         headers=None):
    """Message/CPIM by hand: what muster-smime would not write."""
    if headers is None:
        headers = [f"From: <{sender}>", f"To: <{to}>", f"DateTime: {time or stamp(NOW)}"]
    return canonical("Content-Type: Message/CPIM\n\n" + "\n".join(headers) + "\n\n" + content)


def pidf(entity="pres:juliet@example.com", time=None, head="<?xml version='1.0' encoding='UTF-8'?>\n", note="here"):
    return canonical(f"Content-Type: application/pidf+xml\n\n{head}<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='{entity}'>"
                     f"<tuple id='t1'><status><basic>open</basic></status><note>{note}</note><timestamp>{time or stamp(NOW)}</timestamp></tuple></presence>\n")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def fails(self, *words, given=b"", status=2, error=None):
        """One line on standard error, and nothing else."""
        r = run(*words, given=given)
        self.assertEqual((r.returncode, r.stdout), (status, b""), (words, r.stderr))
        self.assertRegex(r.stderr.decode(), r"\Amuster-smime: [^\n]+\n\Z")
        if error:
            self.assertIn(error, r.stderr.decode())
        return r

    def content(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def works(self, *words, given=b""):
        r = run(*words, given=given)
        self.assertEqual((r.returncode, r.stderr), (0, b""), words)
        return r.stdout

    def sign(self, text="Wherefore art thou, Romeo?\n", *more, who="juliet", kind="message", sender=JULIET, to=ROMEO, now=None):
        return self.works("sign", "--as", kind, "--from", sender, "--to", to, *identity(who), "--now", now or stamp(NOW), *more, given=text)

    def sign_entity(self, entity, *more, who="juliet"):
        """A MIME entity of any kind, bare."""
        return self.works("sign", *identity(who), *more, given=entity)

    def verify(self, given, *more, now=None, ca="root"):
        r = run("verify", "--ca", certificate(ca), "--now", now or stamp(NOW), *more, given=given)
        line = r.stdout.decode()
        self.assertRegex(line, r"\A(valid ok|refused [a-z-]+)( [a-z]+=\S+)*\n\Z", (r.stderr, r.returncode))
        word, reason, *fields = line.split()
        self.assertEqual(r.returncode, 0 if word == "valid" else 1)
        return reason, dict(field.split("=", 1) for field in fields)

    def oracle(self, given, *more):
        """OpenSSL's verdict: by default on the signature alone."""
        path = self.file("oracle.eml", canonical(object_of(given if isinstance(given, bytes) else given.encode())))
        r = openssl("cms", "-verify", "-purpose", "any", "-in", path, *(more or ("-noverify",)))
        return r.returncode == 0

    def valid(self, given, *more, is_oracle_able=True, now=None, ca="root", **expected):
        reason, fields = self.verify(given, *more, now=now, ca=ca)
        self.assertEqual(reason, "ok", fields)
        for name, value in expected.items():
            self.assertEqual(fields.get(name), value, name)
        if is_oracle_able:
            self.assertTrue(self.oracle(given), "the oracle refuses its signature")
            self.assertTrue(self.oracle(given, "-CAfile", certificate(ca)), "the oracle refuses its chain")
        return fields

    def refused(self, expected, given, *more, now=None, ca="root", is_oracle_able=True):
        reason, fields = self.verify(given, *more, now=now, ca=ca)
        reasons = expected if isinstance(expected, (set, tuple)) else {expected}
        self.assertIn(reason, reasons, fields)
        if is_oracle_able and reason in SIGNATURE_REASONS:
            self.assertFalse(self.oracle(given), "the oracle takes its signature")
        elif is_oracle_able and reason in BEHIND_SIGNATURE_REASONS:
            self.assertTrue(self.oracle(given), "the oracle refuses its signature as well")
        return fields

    def encrypt(self, given, *recipients, more=()):
        return self.works("encrypt", *[w for name in recipients for w in ("--recip", certificate(name))], *more, given=given)


def main():
    begin(sys.argv)
    unittest.main(verbosity=1)


def decode_object(text):
    """The DER of an object application/pkcs7-mime."""
    return base64.b64decode(re.sub(r"\s", "", canonical(text).split("\r\n\r\n", 1)[1]))


def encode_object(der, smime_type="enveloped-data"):
    body = "\n".join(re.findall(".{1,64}", base64.b64encode(der).decode()))
    return f"Content-Type: application/pkcs7-mime; smime-type={smime_type}; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\n{body}\n"
