"""One changed byte in each part of a token."""

import json
from collections import namedtuple

from our_side import decode, encode

Change = namedtuple("Change", "part token payload")


def flipped(data, random):
    changed = bytearray(data)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def reencoded(text, random):
    """Changes the bytes, not the text: a changed letter may be another spelling of them."""
    return encode(flipped(decode(text), random))


def retyped(text, random):
    at = random.randrange(len(text))
    return text[:at] + ("y" if text[at] == "x" else "x") + text[at + 1 :]


def changed_signatures(form, token, payload, random):
    """Every way of changing one byte of a signed token. An empty part has none."""
    if form.detached:
        yield Change("payload", token, changed_payload(form, payload, random))
    for part, get, put in places(form, token):
        if text := get():
            change = retyped if part == "payload" and form.unencoded else reencoded
            yield Change(part, put(change(text, random)), payload)


def changed_payload(form, payload, random):
    if not payload:
        return b"x"
    if form.content == "bytes":
        return flipped(payload, random)
    return retyped(payload.decode(), random).encode()


def places(form, token):
    """Each part of a token: its name, what it is, and how to put something else in its place."""
    if form.shape == "compact":
        parts = token.split(".")
        for index, part in enumerate(["header", "payload", "signature"]):
            yield (
                part,
                lambda index=index: parts[index],
                lambda text, index=index: ".".join([*parts[:index], text, *parts[index + 1 :]]),
            )
        return

    def inside(part, member, at):
        def one(jws):
            return jws if at is None else jws["signatures"][at]

        def put(text):
            jws = json.loads(token)
            one(jws)[member] = text
            return json.dumps(jws)

        return part, lambda: one(json.loads(token)).get(member), put

    yield inside("payload", "payload", None)
    signatures = json.loads(token).get("signatures")
    for at in [None] if signatures is None else range(len(signatures)):
        yield inside("header", "protected", at)
        yield inside("signature", "signature", at)
