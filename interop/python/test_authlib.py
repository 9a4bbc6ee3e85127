"""Authlib, a widely used relying party for Python, goes the whole way against the server."""

import os
import sys
import time
import unittest

# The server of this test speaks HTTP on the loopback address.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from form_browser import FormBrowser
from server import Server

REDIRECT_URI = "http://127.0.0.1:49152/callback"
REFUSAL_LIMIT_S = 1
SERVER = None


def setUpModule():
    global SERVER
    SERVER = Server()


def tearDownModule():
    SERVER.stop()


class TheWholeWay:
    """One client: the mixin of the two cases below."""

    client_id = None
    client_secret = None
    method = None

    def setUp(self):
        self.metadata = get("/.well-known/openid-configuration")
        self.resource = f"{SERVER.issuer}/sample"
        self.session = OAuth2Session(
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method=self.method,
            revocation_endpoint_auth_method=self.method,
            scope="openid profile email offline_access",
            redirect_uri=REDIRECT_URI,
            code_challenge_method="S256",
            default_timeout=10,
        )
        self.addCleanup(self.session.close)
        self.nonce = generate_token()
        self.token = self.log_in()

    def log_in(self):
        verifier = generate_token(48)
        url, state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"],
            code_verifier=verifier,
            nonce=self.nonce,
            resource=self.resource,
        )
        answer = FormBrowser().authorize(url, "alice", "countersign-demo", REDIRECT_URI)
        return self.session.fetch_token(
            self.metadata["token_endpoint"],
            authorization_response=answer,
            state=state,
            code_verifier=verifier,
            resource=self.resource,
        )

    def validate(self, id_token, nonce):
        keys = KeySet.import_key_set(requests.get(self.metadata["jwks_uri"], timeout=10).json())
        algorithms = self.metadata["id_token_signing_alg_values_supported"]
        decoded = jwt.decode(id_token, keys, algorithms=algorithms)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"essential": True, "value": SERVER.issuer},
             "aud": {"essential": True, "value": self.client_id}},
            {"nonce": nonce, "client_id": self.client_id,
             "access_token": self.token["access_token"]},
        )
        claims.validate()
        return claims

    def test_the_id_token_is_valid_and_for_this_login(self):
        claims = self.validate(self.token["id_token"], self.nonce)
        self.assertTrue(claims["sub"])
        with self.assertRaises(JoseError):
            self.validate(self.token["id_token"], "another nonce")

    def test_userinfo_is_about_the_same_person(self):
        claims = self.validate(self.token["id_token"], self.nonce)
        answer = self.session.get(self.metadata["userinfo_endpoint"])
        self.assertEqual(answer.status_code, 200)
        info = answer.json()
        self.assertEqual(info["sub"], claims["sub"])
        self.assertEqual(info["preferred_username"], "alice")

    def test_refresh_rotates_and_the_api_takes_both_access_tokens(self):
        before = dict(self.token)
        after = dict(self.refresh(before["refresh_token"]))
        self.assertNotEqual(after["refresh_token"], before["refresh_token"])
        self.assertNotEqual(after["access_token"], before["access_token"])
        for token in (before, after):
            answer = call_api(token)
            self.assertEqual(answer.status_code, 200)
            self.assertEqual(answer.json()["client_id"], self.client_id)

    def test_revocation_ends_every_token_of_the_grant(self):
        before = dict(self.token)
        after = dict(self.refresh(before["refresh_token"]))
        self.assertEqual(call_api(after).status_code, 200)
        answer = self.session.revoke_token(
            self.metadata["revocation_endpoint"], after["refresh_token"], "refresh_token"
        )
        self.assertEqual(answer.status_code, 200)
        for token in (after, before):
            self.assert_refused(token)
        with self.assertRaises(OAuthError) as raised:
            self.refresh(after["refresh_token"])
        self.assertEqual(raised.exception.error, "invalid_grant")

    def refresh(self, refresh_token):
        return self.session.refresh_token(
            self.metadata["token_endpoint"], refresh_token, resource=self.resource
        )

    def assert_refused(self, token):
        limit = time.monotonic() + REFUSAL_LIMIT_S
        while (answer := call_api(token)).status_code != 401:
            self.assertLess(time.monotonic(), limit, "the API still takes the token")
        self.assertIn('error="invalid_token"', answer.headers["www-authenticate"])


class ConfidentialClient(TheWholeWay, unittest.TestCase):
    client_id = "demo-web"
    client_secret = "demo-web-secret-0123456789abcdef"
    method = "client_secret_basic"


class PublicClient(TheWholeWay, unittest.TestCase):
    client_id = "demo-spa"
    method = "none"


def get(path):
    answer = requests.get(SERVER.issuer + path, timeout=10)
    answer.raise_for_status()
    return answer.json()


def call_api(token):
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return requests.get(f"{SERVER.issuer}/sample/me", headers=headers, timeout=10)


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2))
