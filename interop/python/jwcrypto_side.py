"""jwcrypto, behind the same few functions as our side."""

import json
from importlib.metadata import version

from jwcrypto.jwa import JWA
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSSignature

from our_side import Cannot, Refused

UNENCODED = {"b64": False, "crit": ["b64"]}


class Jwcrypto:
    name = f"jwcrypto {version('jwcrypto')}"

    def generate(self, alg, kind=None):
        if alg not in JWA.algorithms_registry:
            raise Cannot(f"no algorithm {alg}")
        key = JWK.generate(kty="AKP", alg=alg)
        return {"private": key, "public": JWK.from_json(key.export_public())}

    def take(self, alg, form, kind=None):
        if "jwk" in form:
            return JWK(**form["jwk"])
        return JWK.from_pem(form["pem"].encode())

    def jwk(self, key):
        return json.loads(key.export(private_key=key.has_private))

    def pem(self, key):
        return key.export_to_pem(private_key=key.has_private, password=None).decode()

    def older_pems(self, _key):
        """Its keys have no other forms."""
        return []

    def names(self, key):
        return key.thumbprint(), key.thumbprint_uri()

    def sign(self, form, keys, payload):
        text = form.unencoded and not form.detached
        jws = JWS(payload.decode() if text else payload)
        jws.allowed_algs = [key.alg for key in keys]
        for key in keys:
            protected = {"alg": key.alg, "kid": key.kid, **(UNENCODED if form.unencoded else {})}
            jws.add_signature(key.theirs["private"], protected=json.dumps(protected))
        if form.detached:
            jws.detach_payload()
        token = jws.serialize(compact=form.shape == "compact")
        if form.detached and form.shape != "compact":
            # It writes an empty payload for none.
            token = json.loads(token)
            del token["payload"]
            token = json.dumps(token)
        return token

    def verify(self, form, keys, token, payload):
        try:
            jws = JWS()
            jws.allowed_algs = [key.alg for key in keys]
            jws.deserialize(token)
            # One call accepts any one signature; so each key is asked for.
            for key in keys:
                brought = payload if form.detached else None
                jws.verify(key.theirs["public"], detached_payload=brought)
        except InvalidJWSSignature as error:
            raise Refused("bad_signature") from error
        except Exception as error:
            raise Refused(repr(error)) from error
        seen = payload if form.detached else jws.payload
        return seen.encode() if isinstance(seen, str) else seen
