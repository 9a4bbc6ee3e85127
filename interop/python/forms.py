"""The forms of a token, and random content for them."""

import json
from dataclasses import dataclass

SCRIPTS = [(0x20, 0x7E), (0xA1, 0x17F), (0x3B1, 0x3C9), (0x4E00, 0x9FFF), (0x1F600, 0x1F64F)]
# Printable ASCII without a dot: what the compact form may hold unencoded.
PLAIN = [chr(code) for code in range(0x20, 0x7F) if chr(code) != "."]


@dataclass(frozen=True)
class Form:
    shape: str
    content: str = "bytes"
    detached: bool = False
    unencoded: bool = False

    @property
    def name(self):
        parts = [self.shape]
        parts += ["b64=false"] if self.unencoded else []
        parts += ["detached"] if self.detached else []
        return ", ".join(parts)

    @property
    def flags(self):
        return {"form": self.shape, "detached": self.detached, "unencoded": self.unencoded}


SIGNED = [
    Form("compact"),
    Form("flattened"),
    Form("general"),
    Form("compact", detached=True),
    Form("flattened", detached=True),
    Form("general", detached=True),
    Form("compact", "plain", unencoded=True),
    Form("flattened", "text", unencoded=True),
    Form("general", "text", unencoded=True),
    Form("compact", detached=True, unencoded=True),
    Form("flattened", detached=True, unencoded=True),
]
ENCRYPTED = [Form("compact"), Form("flattened"), Form("general")]


class Content:
    """Payloads of one seed: in turn empty, short, of any length, and long."""

    def __init__(self, random):
        self.random = random
        self.turn = 0

    def draw(self, kind):
        """ "bytes" (never UTF-8 unless they are empty), "text" of several scripts, or "plain". """
        random = self.random
        lengths = [0, random.randint(1, 3), random.randrange(300), random.randrange(5000)]
        length = lengths[self.turn % len(lengths)]
        self.turn += 1
        if kind == "bytes":
            data = bytearray(random.randbytes(length))
            if data:
                data[random.randrange(length)] = 0xFF
            return bytes(data)
        return "".join(self.character(kind) for _ in range(length)).encode()

    def character(self, kind):
        if kind == "plain":
            return self.random.choice(PLAIN)
        return chr(self.random.randint(*self.random.choice(SCRIPTS)))


def put_in(token, payload):
    """A compact token with this text as its payload; a JSON token with this member."""
    if isinstance(token, dict):
        return {**token, "payload": payload}
    header, _, signature = token.split(".")
    return ".".join([header, payload, signature])


def dump(token):
    return token if isinstance(token, str) else json.dumps(token)
