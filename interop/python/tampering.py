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


def changed_encryptions(form, token, random):
    """Every way of changing one byte of an encrypted token. What stands in a header that nobody
    protects is left alone, but for what another part depends on."""
    for part, get, put in encrypted_places(form, token):
        if text := get():
            yield Change(part, put(reencoded(text, random)), None)


def places(form, token):
    """Each part of a token: its name, what it is, and how to put something else in its place."""
    if form.shape == "compact":
        yield from between_dots(["header", "payload", "signature"], token)
        return
    yield inside("payload", token, lambda jws: (jws, "payload"))
    signatures = json.loads(token).get("signatures")
    for at in [None] if signatures is None else range(len(signatures)):

        def one(jws, at=at):
            return jws if at is None else jws["signatures"][at]

        yield inside("header", token, lambda jws, one=one: (one(jws), "protected"))
        yield inside("signature", token, lambda jws, one=one: (one(jws), "signature"))


def encrypted_places(form, token):
    if form.shape == "compact":
        yield from between_dots(["header", "encrypted_key", "iv", "ciphertext", "tag"], token)
        return
    for part in ("iv", "ciphertext", "tag", "aad"):
        yield inside(part, token, lambda jwe, part=part: (jwe, part))
    yield inside("header", token, lambda jwe: (jwe, "protected"))
    recipients = json.loads(token).get("recipients")
    for at in [None] if recipients is None else range(len(recipients)):

        def one(jwe, at=at):
            return jwe if at is None else jwe["recipients"][at]

        yield inside("encrypted_key", token, lambda jwe, one=one: (one(jwe), "encrypted_key"))
        # Of A*GCMKW: the encrypted key depends on these.
        for name in ("iv", "tag"):
            of = lambda jwe, one=one, name=name: (one(jwe).get("header", {}), name)
            yield inside(f"{name} of the key", token, of)


def between_dots(names, token):
    parts = token.split(".")
    for index, part in enumerate(names):
        yield (
            part,
            lambda index=index: parts[index],
            lambda text, index=index: ".".join([*parts[:index], text, *parts[index + 1 :]]),
        )


def inside(part, token, of):
    """`of` gives the object and the member of a JSON token where the part stands."""

    def get():
        target, member = of(json.loads(token))
        return target.get(member)

    def put(text):
        value = json.loads(token)
        target, member = of(value)
        target[member] = text
        return json.dumps(value)

    return part, get, put
