"""joserfc, behind the same few functions as our side."""

import json
import re
import warnings
from importlib.metadata import version

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwe, jwk, jws
from joserfc.errors import (
    BadSignatureError,
    DecodeError,
    SecurityWarning,
    UnsupportedAlgorithmError,
)
from joserfc.jwe import FlattenedJSONEncryption, GeneralJSONEncryption, JWERegistry
from joserfc.jws import JWSRegistry

from forms import dump, put_in
from our_side import Cannot, Refused, encode

# Of PBES2: the fewest rounds that we read.
ROUNDS = 1000
UNENCODED = {"b64": False, "crit": ["b64"]}

# It says of RSA and of EdDSA that others are better.
warnings.simplefilter("ignore", SecurityWarning)


class Joserfc:
    name = f"joserfc {version('joserfc')}"

    def key_type(self, alg):
        try:
            if alg in JWERegistry.algorithms["alg"]:
                return JWERegistry(algorithms=[alg]).get_alg(alg).key_types[0]
            return JWSRegistry(algorithms=[alg]).get_alg(alg).key_type
        except UnsupportedAlgorithmError as error:
            raise Cannot(error.description) from error

    def generate(self, alg, kind=None):
        """A key pair, or one secret in both places."""
        key_type = self.key_type(alg)
        if key_type == "oct":
            key = jwk.generate_key("oct", secret_bits(alg, kind))
            return {"private": key, "public": key}
        if kind == "X25519":
            key_type = "OKP"
        if key_type == "RSA":
            kind = 2048
        key = jwk.generate_key(key_type, kind or JWSRegistry.algorithms[alg].curve)
        return {"private": key, "public": jwk.import_key(key.as_dict(private=False), key_type)}

    def take(self, alg, form, kind=None):
        key_type = "OKP" if kind == "X25519" else self.key_type(alg)
        return jwk.import_key(form.get("jwk") or form["pem"], key_type)

    def jwk(self, key):
        return key.as_dict(private=key.is_private)

    def pem(self, key):
        return key.as_pem(private=key.is_private).decode()

    def older_pems(self, key):
        """PKCS#1 or SEC 1, for the kinds of key that have these forms."""
        if key.key_type not in ("RSA", "EC"):
            return []
        form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        pems = [key.private_key.private_bytes(*form)]
        if key.key_type == "RSA":
            pems.append(key.public_key.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
        return [pem.decode() for pem in pems]

    def names(self, key):
        return key.thumbprint(), key.thumbprint_uri()

    def sign(self, form, keys, payload):
        protected = [
            {"alg": key.alg, "kid": key.kid, **(UNENCODED if form.unencoded else {})}
            for key in keys
        ]
        by_kid = {key.kid: key.theirs["private"] for key in keys}
        options = {
            "private_key": lambda signature: by_kid[signature.headers()["kid"]],
            "algorithms": [key.alg for key in keys],
        }
        try:
            if form.shape == "compact":
                token = jws.serialize_compact(protected[0], payload, **options)
            elif form.shape == "flattened":
                token = jws.serialize_json({"protected": protected[0]}, payload, **options)
            else:
                members = [{"protected": one} for one in protected]
                token = jws.serialize_json(members, payload, **options)
        except UnicodeDecodeError as error:
            raise Cannot("only UTF-8") from error
        if form.detached:
            token = jws.detach_content(token)
        elif form.unencoded and form.shape == "compact":
            # It leaves out what is not safe in a URL, for the caller to put in.
            token = put_in(token, as_text(payload))
        return dump(token)

    def verify(self, form, keys, token, payload):
        by_kid = {key.kid: key.theirs["public"] for key in keys}
        options = {
            # A changed kid must not decide; the signature must.
            "public_key": lambda signature: by_kid.get(signature.headers().get("kid"))
            or keys[0].theirs["public"],
            "algorithms": [key.alg for key in keys],
        }
        if form.shape == "compact":
            brought = payload if form.detached else None
            return told(lambda: jws.deserialize_compact(token, payload=brought, **options).payload)
        value = json.loads(token)
        if form.detached:
            value = put_in(value, as_text(payload) if form.unencoded else encode(payload))
        return told(lambda: jws.deserialize_json(value, **options).payload)

    def encrypt(self, form, enc, keys, plaintext, aad=None, zip=None):
        algorithms = [enc, *(key.alg for key in keys), *([zip] if zip else [])]
        protected = {"enc": enc, **({"zip": zip} if zip else {})}
        key = keys[0]
        if form.shape == "compact":
            protected |= {"alg": key.alg, "kid": key.kid}
            if key.alg.startswith("PBES2"):
                protected["p2c"] = ROUNDS
            return jwe.encrypt_compact(protected, plaintext, key.theirs["public"], algorithms)
        shape = FlattenedJSONEncryption if form.shape == "flattened" else GeneralJSONEncryption
        content = shape(protected, plaintext, aad=aad)
        for key in keys:
            content.add_recipient({"alg": key.alg, "kid": key.kid}, key.theirs["public"])
        return json.dumps(jwe.encrypt_json(content, None, algorithms))

    def decrypt(self, form, enc, keys, token):
        """What each of the keys decrypts to; the library asks for all of them."""
        by_kid = {key.kid: key.theirs["private"] for key in keys}

        def find(recipient):
            return by_kid.get(recipient.headers().get("kid")) or keys[0].theirs["private"]

        algorithms = [enc, *(key.alg for key in keys)]
        if form.shape == "compact":
            return told(lambda: jwe.decrypt_compact(token, find, algorithms).plaintext), None
        seen = told(lambda: jwe.decrypt_json(json.loads(token), find, algorithms))
        return seen.plaintext, seen.aad


def told(read):
    """Turns what the library says into `Refused`."""
    try:
        return read()
    except BadSignatureError as error:
        raise Refused("bad_signature") from error
    except DecodeError as error:
        raise Refused("decryption") from error
    except Exception as error:
        raise Refused(repr(error)) from error


def as_text(payload):
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise Cannot("only UTF-8") from error


def secret_bits(alg, kind):
    """`HS256`, `A192GCMKW`; for `dir` the method: `A128GCM`, `A128CBC-HS256`."""
    name = kind if alg == "dir" else alg
    return int(re.findall(r"\d+", name)[-1])
