# SPDX-License-Identifier: Apache-2.0
"""Objects of RFC 3923 as docs/smime.md tells authors of clients to make them, with Python's cryptography and none of musterd's code."""
import base64
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7


def stamp(offset_s=0):
    now = datetime.datetime.utcnow() + datetime.timedelta(seconds=offset_s)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entity(kind, sender, recipient, said, time):
    """What is signed: Message/CPIM around a text, or around a document of presence (RFC 3862, 3863), every line ended by CRLF."""
    scheme = "pres" if kind == "presence" else "im"
    content = (f"Content-Type: text/plain; charset=utf-8\n\n{said}" if kind != "presence" else
               f"Content-Type: application/pidf+xml\n\n<?xml version='1.0' encoding='UTF-8'?>\n<presence xmlns='urn:ietf:params:xml:ns:pidf' "
               f"entity='pres:{sender}'>\n<tuple id='t'><status><basic>open</basic></status><note>{said}</note>"
               f"<timestamp>{time}</timestamp></tuple>\n</presence>")
    if kind == "iq":
        content = f"Content-Type: application/xmpp+xml\n\n<?xml version='1.0'?><xmpp xmlns='jabber:client'>{said}</xmpp>"
    text = (f"Content-Type: Message/CPIM\n\nFrom: <{scheme}:{sender}>\nTo: <{scheme}:{recipient}>\nDateTime: {time}\n\n{content}\n")
    return text.replace("\n", "\r\n")


def pair_read(certificate, key):
    """From files."""
    with open(certificate, "rb") as file:
        signer = x509.load_pem_x509_certificate(file.read())
    with open(key, "rb") as file:
        return signer, serialization.load_pem_private_key(file.read(), None)


def signed(text, signer, secret, is_bare=False):
    """multipart/signed (RFC 1847) as it stands in <e2e/>: with LF, for CRLF does not survive XML. `is_bare`: without the certificate."""
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    if is_bare:
        options.append(pkcs7.PKCS7Options.NoCerts)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(text.encode()).add_signer(signer, secret, hashes.SHA256())
    signature = base64.encodebytes(builder.sign(serialization.Encoding.DER, options)).decode()
    boundary = os.urandom(12).hex()
    return (f"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=\"sha-256\"; boundary=\"{boundary}\"\n\n"
            f"--{boundary}\n{text.replace(chr(13), '')}\n--{boundary}\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\n"
            f"Content-Transfer-Encoding: base64\n\n{signature}--{boundary}--\n")
