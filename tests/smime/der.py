# SPDX-License-Identifier: Apache-2.0
"""DER as a tree that tests can bend: [tag, octets or a list of trees]. Definite lengths only, which is what DER is."""


def read(octets):
    tree, rest = _element(octets)
    assert not rest, "octets behind it"
    return tree


def _element(octets):
    tag, length, at = octets[0], octets[1], 2
    if length > 0x80:
        at += length & 0x7f
        length = int.from_bytes(octets[2:at], "big")
    assert length != 0x80 and at + length <= len(octets), "no DER"
    content, rest = octets[at:at + length], octets[at + length:]
    if not tag & 0x20:
        return [tag, content], rest
    children = []
    while content:
        child, content = _element(content)
        children.append(child)
    return [tag, children], rest


def write(tree):
    tag, content = tree
    if isinstance(content, list):
        content = b"".join(write(child) for child in content)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def flip(octets, at=-1):
    """One bit of one octet changed."""
    changed = bytearray(octets)
    changed[at] ^= 1
    return bytes(changed)


def signer_infos(tree):
    """Of ContentInfo with SignedData: the last element."""
    return tree[1][1][1][0][1][-1]
