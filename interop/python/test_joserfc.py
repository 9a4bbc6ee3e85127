"""joserfc and countersign-jose: each reads what the other writes, with keys that either made, and
both refuse what was changed on the way. jwcrypto does the algorithms that joserfc has not."""

import os
import random
import secrets
import sys
import unittest
from dataclasses import dataclass, replace

from forms import SIGNED, Content
from joserfc_side import Joserfc
from jwcrypto_side import Jwcrypto
from our_side import Cannot, OurSide, Refused
from results import Results
from tampering import changed_signatures

SEED = int(os.environ.get("JOSE_SEED", secrets.randbits(32)))
RANDOM = random.Random(SEED)
CONTENT = Content(RANDOM)
OURS = OurSide()
PEERS = [Joserfc(), Jwcrypto()]
NAMES = OURS.ask("names")
ORDER = [*NAMES["signature"], "EdDSA"]
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
    private = peer.take(alg, {carrier: forms[f"private_{carrier}"]})
    secret = "public_jwk" not in forms
    public = private if secret else peer.take(alg, {carrier: forms[f"public_{carrier}"]})
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
    def made_by_either(self, alg, kind=None):
        """A peer that does the algorithm, and keys that either side made, carried over as JWK and,
        but for secrets, as PEM."""
        for peer in PEERS:
            try:
                peer.generate(alg, kind)
            except Cannot as error:
                RESULTS[peer.name].cannot(alg, str(error))
                continue
            secret = alg.startswith("HS")
            keys = []
            for carrier in ["jwk"] if secret else ["jwk", "pem"]:
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

    def refused(self, peer, reader, reason, change, *arguments):
        with self.assertRaises(Refused, msg=f"{reader.name}: {change}") as raised:
            reader.verify(*arguments)
        if change.part != "header":
            self.assertEqual(raised.exception.reason, reason, f"{reader.name}: {change}")
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
            for change in changed_signatures(form, token, payload, RANDOM):
                for reader in readers:
                    changed = (form, signers, change.token, change.payload)
                    self.refused(peer, reader, "bad_signature", change, *changed)
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
            for change in changed_signatures(form, token, payload, RANDOM):
                changed = (form, [key], change.token, change.payload)
                self.refused(peer, OURS, "bad_signature", change, *changed)
            RESULTS[peer.name].crossed("EdDSA", False)


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


def add_tests(case, prefix, names):
    for name in names:
        setattr(case, f"test_{prefix}_{name}", lambda self, name=name: self.cross(name))


add_tests(Signatures, "signatures", NAMES["signature"])

class TheDocument(unittest.TestCase):
    def test_it_says_what_this_run_has_shown(self):
        for results in RESULTS.values():
            print(results.summary(), flush=True)
            print(results.compare_with_document(), flush=True)


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2))
