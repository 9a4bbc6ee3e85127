"""joserfc, behind the same few functions as our side."""

import json
import warnings
from importlib.metadata import version

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwk, jws
from joserfc.errors import BadSignatureError, SecurityWarning, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from forms import dump, put_in
from our_side import Cannot, Refused, decode, encode

UNENCODED = {"b64": False, "crit": ["b64"]}

# It says of RSA and of EdDSA that others are better.
warnings.simplefilter("ignore", SecurityWarning)


class Joserfc:
    name = f"joserfc {version('joserfc')}"

    def model(self, alg):
        try:
            return JWSRegistry(algorithms=[alg]).get_alg(alg)
        except UnsupportedAlgorithmError as error:
            raise Cannot(error.description) from error

    def generate(self, alg, kind=None):
        """A key pair, or one secret in both places."""
        model = self.model(alg)
        size = {"oct": int(alg[2:]) if model.key_type == "oct" else 0, "RSA": 2048}
        shape = size.get(model.key_type) or kind or model.curve
        key = jwk.generate_key(model.key_type, shape)
        if model.key_type == "oct":
            return {"private": key, "public": key}
        public = jwk.import_key(key.as_dict(private=False), model.key_type)
        return {"private": key, "public": public}

    def take(self, alg, form):
        return jwk.import_key(form.get("jwk") or form["pem"], self.model(alg).key_type)

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
            token = put_in(token, payload.decode())
        return dump(token)

    def verify(self, form, keys, token, payload):
        by_kid = {key.kid: key.theirs["public"] for key in keys}
        options = {
            # A changed kid must not decide; the signature must.
            "public_key": lambda signature: by_kid.get(signature.headers().get("kid"))
            or keys[0].theirs["public"],
            "algorithms": [key.alg for key in keys],
        }
        try:
            if form.shape == "compact":
                brought = payload if form.detached else None
                return jws.deserialize_compact(token, payload=brought, **options).payload
            token = json.loads(token)
            if form.detached:
                text = payload.decode() if form.unencoded else encode(payload)
                token = put_in(token, text)
        except UnicodeDecodeError as error:
            raise Cannot("only UTF-8") from error
        except BadSignatureError as error:
            raise Refused("bad_signature") from error
        except Exception as error:
            raise Refused(repr(error)) from error
        try:
            return jws.deserialize_json(token, **options).payload
        except BadSignatureError as error:
            raise Refused("bad_signature") from error
        except Exception as error:
            raise Refused(repr(error)) from error
