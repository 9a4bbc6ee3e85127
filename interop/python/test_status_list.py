"""Our status lists, read by the letter of draft-ietf-oauth-status-list-21: the signature with
joserfc, the list with nothing but zlib."""

import base64
import sys
import time
import unittest
import zlib

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from server import Server

CLIENTS = """
[[client]]
client_id = "listed"
client_secret = "listed-secret-0123456789abcdef"
grant_types = ["client_credentials"]
resources = ["ISSUER/sample"]
status_list = true
"""
LISTED = ("listed", "listed-secret-0123456789abcdef")
REVOKED_LIMIT_S = 5
SERVER = None


def setUpModule():
    global SERVER
    SERVER = Server(CLIENTS)


def tearDownModule():
    SERVER.stop()


def status_at(lst, bits, index):
    """Section 4.1: the lowest bits of a byte come first."""
    packed = base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4))
    values = zlib.decompress(packed)
    per_byte = 8 // bits
    return values[index // per_byte] >> (index % per_byte) * bits & (1 << bits) - 1


class StatusLists(unittest.TestCase):
    def setUp(self):
        self.metadata = requests.get(
            f"{SERVER.issuer}/.well-known/oauth-authorization-server", timeout=5
        ).json()
        keys = requests.get(self.metadata["jwks_uri"], timeout=5).json()
        self.keys = KeySet.import_key_set(keys)

    def token(self):
        answer = requests.post(
            self.metadata["token_endpoint"],
            data={"grant_type": "client_credentials"},
            auth=LISTED,
            timeout=5,
        ).json()
        return answer["access_token"]

    def read(self, text):
        return jwt.decode(text, self.keys, algorithms=["ES256"])

    def status_of(self, token):
        place = self.read(token).claims["status"]["status_list"]
        answer = requests.get(
            place["uri"], headers={"Accept": "application/statuslist+jwt"}, timeout=5
        )
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.headers["content-type"], "application/statuslist+jwt")
        listed = self.read(answer.text)
        self.assertEqual(listed.header["typ"], "statuslist+jwt")
        self.assertEqual(listed.claims["sub"], place["uri"])
        self.assertLessEqual(listed.claims["iat"], time.time() + 1)
        self.assertGreater(listed.claims["exp"], time.time())
        self.assertGreater(listed.claims["ttl"], 0)
        content = listed.claims["status_list"]
        return status_at(content["lst"], content["bits"], place["idx"])

    def test_the_examples_of_the_draft_are_read_by_hand(self):
        for bits, lst, expected in [
            (1, "eNrbuRgAAhcBXQ", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
            (2, "eNo76fITAAPfAgc", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
        ]:
            read = [status_at(lst, bits, index) for index in range(len(expected))]
            self.assertEqual(read, expected)

    def test_a_bit_turns_for_the_token_that_was_revoked_and_for_no_other(self):
        tokens = [self.token() for _ in range(8)]
        self.assertEqual([self.status_of(token) for token in tokens], [0] * 8)
        revoked = requests.post(
            self.metadata["revocation_endpoint"],
            data={"token": tokens[3]},
            auth=LISTED,
            timeout=5,
        )
        self.assertEqual(revoked.status_code, 200)
        limit = time.monotonic() + REVOKED_LIMIT_S
        while self.status_of(tokens[3]) == 0:
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)
        expected = [int(number == 3) for number in range(8)]
        self.assertEqual([self.status_of(token) for token in tokens], expected)

    def test_the_lists_are_named_in_one_place(self):
        place = self.read(self.token()).claims["status"]["status_list"]
        named = requests.get(self.metadata["status_list_aggregation_endpoint"], timeout=5).json()
        self.assertIn(place["uri"], named["status_lists"])


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2))
