"""joserfc and countersign-jose: each reads what the other writes, with keys that either made, and
both refuse what was changed on the way. jwcrypto does the algorithms that joserfc has not."""

import os
import random
import secrets
import sys
import unittest
from dataclasses import dataclass, replace

from joserfc.jwk import OctKey

from forms import ENCRYPTED, SIGNED, Content
from joserfc_side import Joserfc
from jwcrypto_side import Jwcrypto
from our_side import Cannot, OurSide, Refused, encode
from results import Results
from tampering import changed_encryptions, changed_signatures

SEED = int(os.environ.get("JOSE_SEED", secrets.randbits(32)))
RANDOM = random.Random(SEED)
CONTENT = Content(RANDOM)
OURS = OurSide()
PEERS = [Joserfc(), Jwcrypto()]
NAMES = OURS.ask("names")
CURVES = ["P-256", "P-384", "P-521", "X25519"]
# Each way to send a content key, with the kind of key where there is a choice.
ENCRYPTIONS = {
    " ".join(filter(None, (alg, kind))): (alg, kind)
    for alg in NAMES["key_management"]
    for kind in (CURVES if alg.startswith("ECDH") else [None])
}
ORDER = [*NAMES["signature"], "EdDSA", *ENCRYPTIONS, *NAMES["password"], "zip: DEF"]
RESULTS = {peer.name: Results(peer.name, ORDER) for peer in PEERS}


def setUpModule():
    print(f"seed: JOSE_SEED={SEED}", flush=True)


def tearDownModule():
    OURS.stop()


@dataclass(frozen=True)
class Key:
    """One key on both sides, private and public."""

    alg: str
    kid: str
    name: str
    ours: dict
    theirs: dict


def made_by_us(peer, alg, carrier, kind=None):
    jwk = OURS.generate(alg, kind)
    forms = OURS.forms({"jwk": jwk})
    private = peer.take(alg, {carrier: forms[f"private_{carrier}"]}, kind)
    secret = "public_jwk" not in forms
    public = private if secret else peer.take(alg, {carrier: forms[f"public_{carrier}"]}, kind)
    return Key(
        alg,
        jwk["kid"],
        f"made by us, carried as {carrier}",
        {
            "private": {"alg": alg, "jwk": jwk},
            "public": {"alg": alg, "jwk": jwk if secret else forms["public_jwk"]},
        },
        {"private": private, "public": public},
    )


def made_by_them(peer, alg, carrier, kind=None):
    theirs = peer.generate(alg, kind)
    carry = getattr(peer, carrier)
    return Key(
        alg,
        peer.names(theirs["public"])[0],
        f"made by them, carried as {carrier}",
        {half: {"alg": alg, carrier: carry(key)} for half, key in theirs.items()},
        theirs,
    )


class Crossing(unittest.TestCase):
    def made_by_either(self, alg, kind=None, what=None):
        """A peer that does the algorithm, and keys that either side made, carried over as JWK and,
        but for secrets, as PEM."""
        for peer in PEERS:
            try:
                peer.generate(alg, kind)
            except Cannot as error:
                RESULTS[peer.name].cannot(what or alg, str(error))
                continue
            keys = []
            for carrier in ["jwk"] if is_secret(alg) else ["jwk", "pem"]:
                for make in (made_by_us, made_by_them):
                    keys.append(make(peer, alg, carrier, kind))
            for key in keys:
                self.same_on_both_sides(peer, key)
            return peer, keys
        return None, []

    def same_on_both_sides(self, peer, key):
        """Both sides write the same public key and give it the same name, and each reads the
        private key as the other writes it."""
        kid, uri = peer.names(key.theirs["public"])
        self.assertEqual(kid, key.kid, key.name)
        theirs = peer.jwk(key.theirs["public"])
        if theirs["kty"] == "oct":
            return
        forms = OURS.forms(key.ours["public"])
        self.assertEqual((forms["thumbprint"], forms["thumbprint_uri"]), (kid, uri), key.name)
        self.assertEqual(numbers(forms["public_jwk"]), numbers(theirs), key.name)
        pem = peer.pem(key.theirs["public"])
        self.assertEqual(forms["public_pem"].split(), pem.split(), key.name)
        private = key.theirs["private"]
        forms = [{"jwk": peer.jwk(private)}, {"pem": peer.pem(private)}]
        for form in forms + [{"pem": pem} for pem in peer.older_pems(private)]:
            self.assertEqual(OURS.forms(form)["thumbprint"], kid, key.name)

    def refused(self, peer, readers, changes, reason, read):
        """Each reader refuses each change, with this reason unless it was the header that
        changed."""
        for change in changes:
            for reader in readers:
                with self.assertRaises(Refused, msg=f"{reader.name}: {change}") as raised:
                    read(reader, change)
                if change.part != "header":
                    message = f"{reader.name}: {change}"
                    self.assertEqual(raised.exception.reason, reason, message)
                RESULTS[peer.name].refused(reader is OURS)


class Signatures(Crossing):
    def cross(self, alg):
        peer, keys = self.made_by_either(alg)
        for index, key in enumerate(keys):
            for form in SIGNED:
                several = form.shape == "general"
                signers = [key, keys[(index + 1) % len(keys)]] if several else [key]
                with self.subTest(key=key.name, form=form.name):
                    self.cross_signed(peer, form, signers)
        if alg == "Ed25519":
            self.reads_the_old_name(peer, keys)

    def cross_signed(self, peer, form, signers):
        """Either side signs; both verify, and both refuse each change."""
        alg, results = signers[0].alg, RESULTS[peer.name]
        form, readers = what_it_does(peer, form, signers)
        for writer in (OURS, peer):
            payload = CONTENT.draw(form.content)
            token = writer.sign(form, signers, payload)
            for reader in readers:
                seen = reader.verify(form, signers, token, payload)
                self.assertEqual(seen, payload, f"{reader.name} reads {writer.name}: {token}")
            self.refused(
                peer,
                readers,
                changed_signatures(form, token, payload, RANDOM),
                "bad_signature",
                lambda reader, change: reader.verify(form, signers, change.token, change.payload),
            )
            if writer is peer or peer in readers:
                results.crossed(alg, writer is OURS)

    def reads_the_old_name(self, peer, keys):
        """`EdDSA` is the older name of Ed25519: we read it and do not write it."""
        form = SIGNED[0]
        # A key that is bound to the new name does not sign with the old one.
        for key in (key for key in keys if "alg" not in peer.jwk(key.theirs["private"])):
            payload = CONTENT.draw(form.content)
            token = peer.sign(form, [replace(key, alg="EdDSA")], payload)
            self.assertEqual(OURS.verify(form, [key], token, payload), payload)
            self.refused(
                peer,
                [OURS],
                changed_signatures(form, token, payload, RANDOM),
                "bad_signature",
                lambda _, change, key=key: OURS.verify(form, [key], change.token, payload),
            )
            RESULTS[peer.name].crossed("EdDSA", False)


class Encryption(Crossing):
    def cross(self, what):
        alg, kind = ENCRYPTIONS[what]
        peer, keys = (None, []) if alg == "dir" else self.made_by_either(alg, kind, what)
        for turn, enc in enumerate(NAMES["encryption"]):
            if alg == "dir":
                peer, keys = self.made_by_either(alg, enc)
            if keys:
                # One that we made and one that they made, in turn carried as JWK and PEM.
                key, another = keys[turn % len(keys)], keys[(turn + 1) % len(keys)]
                with self.subTest(enc=enc, keys=[key.name, another.name]):
                    self.cross_encrypted(peer, what, enc, key, another)

    def cross_encrypted(self, peer, what, enc, key, another):
        compact, flattened, general = ENCRYPTED
        both = (OURS, peer)
        for one in (key, another):
            self.encrypted_by(both, peer, what, compact, enc, [one])
        self.encrypted_by(both, peer, what, flattened, enc, [key])
        # Who has no content key of his own to send has one recipient.
        if key.alg in ("dir", "ECDH-ES"):
            self.encrypted_by([peer], peer, what, general, enc, [key])
            with self.assertRaises(Refused) as raised:
                OURS.encrypt(general, enc, [key], b"x")
            self.assertEqual(raised.exception.reason, "algorithm_not_allowed")
        else:
            self.encrypted_by(both, peer, what, general, enc, [key, another])

    def encrypted_by(self, writers, peer, what, form, enc, recipients):
        """Each of the writers encrypts; both sides decrypt, and both refuse each change."""
        for writer in writers:
            plaintext = CONTENT.draw("bytes")
            with_aad = form.shape != "compact" and RANDOM.random() < 0.5
            aad = RANDOM.randbytes(RANDOM.randint(1, 100)) if with_aad else None
            token = writer.encrypt(form, enc, recipients, plaintext, aad)
            for reader in (OURS, peer):
                seen = reader.decrypt(form, enc, recipients, token)
                message = f"{reader.name} reads {writer.name}: {form.name}, {enc}: {token}"
                self.assertEqual(seen, (plaintext, aad), message)
            self.refused(
                peer,
                (OURS, peer),
                changed_encryptions(form, token, RANDOM),
                "decryption",
                lambda reader, change: reader.decrypt(form, enc, recipients, change.token),
            )
            RESULTS[peer.name].crossed(what, writer is OURS)

    def cross_password(self, alg):
        peer = PEERS[0]
        password = RANDOM.randbytes(RANDOM.randint(1, 40))
        ours = {"alg": alg, "password": encode(password)}
        theirs = OctKey.import_key(password)
        key = Key(
            alg,
            "file",
            "a password",
            {"private": ours, "public": ours},
            {"private": theirs, "public": theirs},
        )
        for enc in NAMES["encryption"]:
            # What we write has always the same method.
            writers = [OURS, peer] if enc == "A256GCM" else [peer]
            self.encrypted_by(writers, peer, alg, ENCRYPTED[0], enc, [key])

    def test_compressed_content_is_read_by_those_who_ask_for_it(self):
        peer, enc = PEERS[0], "A128GCM"
        key = made_by_them(peer, "A128KW", "jwk")
        for form in ENCRYPTED[:2]:
            payload = CONTENT.draw("text")
            token = peer.encrypt(form, enc, [key], payload, zip="DEF")
            self.assertEqual(OURS.decrypt(form, enc, [key], token, True), (payload, None))
            with self.assertRaises(Refused) as raised:
                OURS.decrypt(form, enc, [key], token)
            self.assertEqual(raised.exception.reason, "invalid_header")
            RESULTS[peer.name].crossed("zip: DEF", False)


KNOWN = {}


def what_it_does(peer, form, signers):
    """The form, with what the peer can put into it; and who reads that. A peer that does not read
    what it wrote itself is no judge of what we wrote."""
    alg = signers[0].alg
    if (alg, form) not in KNOWN:
        KNOWN[alg, form] = try_out(peer, form, signers)
    return KNOWN[alg, form]


def try_out(peer, form, signers):
    cannot = RESULTS[peer.name].cannot
    for attempt in [form] if form.content != "bytes" else [form, replace(form, content="text")]:
        payload = b"\xff" if attempt.content == "bytes" else b"text"
        try:
            token = peer.sign(attempt, signers, payload)
            if peer.verify(attempt, signers, token, payload) == payload:
                return attempt, (OURS, peer)
            raise Refused("another payload")
        except Cannot as error:
            cannot(signers[0].alg, f"{form.name}: {error}")
        except Refused as error:
            cannot(signers[0].alg, f"{form.name}: does not read its own ({error})")
            return attempt, (OURS,)
    raise AssertionError(f"{peer.name} does neither bytes nor text: {form.name}")


def numbers(jwk):
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e", "pub") if name in jwk}


def is_secret(alg):
    """Whether both sides of an algorithm share one secret."""
    return alg == "dir" or alg.startswith(("HS", "A1", "A2"))


def add_tests(case, cross, names):
    for name in names:
        setattr(case, f"test_{name}", lambda self, name=name: cross(self, name))


add_tests(Signatures, Signatures.cross, NAMES["signature"])
add_tests(Encryption, Encryption.cross, ENCRYPTIONS)
add_tests(Encryption, Encryption.cross_password, NAMES["password"])


class TheDocument(unittest.TestCase):
    def test_it_says_what_this_run_has_shown(self):
        for results in RESULTS.values():
            print(results.summary(), flush=True)
            print(results.compare_with_document(), flush=True)


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2))
