"""idpyoidc, the relying party of IdentityPython, goes the whole way against the server."""

import logging
import sys
import unittest
from urllib.parse import parse_qsl, urljoin, urlsplit

from cryptojwt import KeyJar
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.oidc.registration import Registration
from idpyoidc.client.rp_handler import RPHandler

from form_browser import FormBrowser
from server import Server

ORIGIN = "http://127.0.0.1:49152"
SECRET = "idpyoidc-secret-0123456789abcdef"
# It expects RS256 unless it is told otherwise.
DECLARED = f"""
[registration]
mode = "open"

[[client]]
client_id = "idpyoidc"
client_name = "idpyoidc"
client_secret = "{SECRET}"
redirect_uris = ["{ORIGIN}/callback"]
post_logout_redirect_uris = ["{ORIGIN}/goodbye"]
id_token_signed_response_alg = "RS256"
"""
SCOPE = ["openid", "profile", "email", "offline_access"]
CLASSES = {
    "discovery": "oidc.provider_info_discovery.ProviderInfoDiscovery",
    "authorization": "oidc.authorization.Authorization",
    "accesstoken": "oidc.access_token.AccessToken",
    "refresh_token": "oidc.refresh_access_token.RefreshAccessToken",
    "userinfo": "oidc.userinfo.UserInfo",
    "end_session": "oidc.end_session.EndSession",
}


class TextScope(Registration):
    """idpyoidc 5.0.0 takes the text `scope` (RFC 7591, section 2) for one scope of a list."""

    def update_service_context(self, resp, **kwargs):
        resp["scope"] = resp["scope"].split(" ")
        super().update_service_context(resp, **kwargs)


SERVICES = {name: {"class": f"idpyoidc.client.{path}"} for name, path in CLASSES.items()}
SERVICES["registration"] = {"class": TextScope}
PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}
SERVER = None


def setUpModule():
    global SERVER
    # It logs whatever it raises.
    logging.disable(logging.CRITICAL)
    SERVER = Server(DECLARED)


def tearDownModule():
    SERVER.stop()


class TheWholeWay:
    """One way to be known to the server: the mixin of the cases below."""

    def registration(self):
        raise NotImplementedError

    def setUp(self):
        config = {
            "client_type": "oidc",
            "issuer": SERVER.issuer,
            "redirect_uris": [f"{ORIGIN}/callback"],
            "post_logout_redirect_uris": [f"{ORIGIN}/goodbye"],
            "response_types_supported": ["code"],
            "scopes_supported": SCOPE,
            "client_authn_methods": ["client_secret_basic"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "add_ons": {"pkce": PKCE},
            **self.registration(),
        }
        self.handler = RPHandler(
            base_url=ORIGIN,
            client_configs={"": config},
            services=SERVICES,
            keyjar=KeyJar(),
        )
        self.browser = FormBrowser()

    def ask(self, decision="allow"):
        """Sends the person to the server; gives the parameters that come back."""
        url = self.handler.begin(SERVER.issuer, req_args={"scope": SCOPE})
        answer = self.browser.authorize(
            url, "alice", "countersign-demo", f"{ORIGIN}/callback", decision
        )
        return dict(parse_qsl(urlsplit(answer).query))

    def log_in(self):
        return self.handler.finalize(SERVER.issuer, self.ask())

    def test_it_verifies_the_id_token_and_reads_userinfo(self):
        done = self.log_in()
        self.assertNotIn("error", done)
        id_token, userinfo = done["id_token"], done["userinfo"]
        self.assertEqual(id_token.jws_header["alg"], "RS256")
        self.assertEqual(id_token["iss"], SERVER.issuer)
        self.assertEqual(userinfo["sub"], id_token["sub"])
        self.assertEqual(userinfo["preferred_username"], "alice")
        self.assertEqual(userinfo["email"], "alice@example.com")
        self.assertTrue(self.handler.has_active_authentication(done["state"]))

    def test_a_code_is_worth_nothing_the_second_time(self):
        response = self.ask()
        self.handler.finalize(SERVER.issuer, response)
        with self.assertRaisesRegex(OidcServiceError, "invalid_grant"):
            self.handler.get_tokens(response["state"])

    def test_it_hears_that_the_person_said_no(self):
        done = self.handler.finalize(SERVER.issuer, self.ask(decision="deny"))
        self.assertEqual(done["error"], "access_denied")


class StaticRegistration(TheWholeWay, unittest.TestCase):
    def registration(self):
        return {"client_id": "idpyoidc", "client_secret": SECRET}

    def test_refresh_brings_an_access_token_that_works(self):
        done = self.log_in()
        renewed = self.handler.refresh_access_token(done["state"])
        self.assertNotEqual(renewed["access_token"], done["token"])
        self.assertNotIn("error", renewed)
        info = self.handler.get_user_info(done["state"], access_token=renewed["access_token"])
        self.assertEqual(info["sub"], done["id_token"]["sub"])

    def test_logout_ends_the_session_and_comes_back(self):
        done = self.log_in()
        logout = self.handler.logout(
            done["state"], post_logout_redirect_uri=f"{ORIGIN}/goodbye"
        )
        answer = self.browser.send("GET", logout["url"])
        self.assertTrue(answer.is_redirect, answer.text)
        target = urlsplit(answer.headers["location"])
        self.assertEqual(f"{target.scheme}://{target.netloc}{target.path}", f"{ORIGIN}/goodbye")
        self.assertEqual(dict(parse_qsl(target.query))["state"], logout["request"]["state"])
        # Whoever wants in again is asked for the password.
        url = self.handler.begin(SERVER.issuer, req_args={"scope": SCOPE})
        asked = self.browser.send("GET", url)
        self.assertEqual(urlsplit(urljoin(url, asked.headers["location"])).path, "/login")


class DynamicRegistration(TheWholeWay, unittest.TestCase):
    """It registers for codes alone, and no address to come back to from a logout."""

    def registration(self):
        # A loopback address is for native applications (OpenID Connect Registration, section 2).
        return {"application_type": "native", "client_name": "idpyoidc"}

    def test_the_server_gave_it_its_id_and_secret(self):
        done = self.log_in()
        registered = self.handler.issuer2rp[SERVER.issuer].get_context().registration_response
        self.assertEqual(done["id_token"]["aud"], [registered["client_id"]])
        self.assertNotEqual(registered["client_id"], "idpyoidc")
        self.assertTrue(registered["client_secret"])
        self.assertEqual(registered["grant_types"], ["authorization_code"])


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout, verbosity=2))
