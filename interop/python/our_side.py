"""countersign-jose, as the example `jose_peer` shows it: a JSON command and an answer a line."""

import base64
import json
import os
import subprocess


class Refused(Exception):
    """A library has refused a token; `reason` is "bad_signature", "decryption" or its own."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Cannot(Exception):
    """A library does not know an algorithm, or does not do a form."""


class OurSide:
    name = "countersign"

    def __init__(self):
        binary = os.environ.get("JOSE_PEER_BIN")
        if not binary:
            raise RuntimeError("JOSE_PEER_BIN names no jose_peer binary")
        self.process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, do, **members):
        self.process.stdin.write(json.dumps({"do": do, **members}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("jose_peer ended")
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        if "fault" in answer:
            raise RuntimeError(f"jose_peer: {answer['fault']}")
        return answer["ok"]

    def generate(self, alg, kind=None):
        """`kind`: the curve; for `dir`, whose key is one of a method of encryption, that method."""
        command = {"alg": kind} if alg == "dir" else {"alg": alg, "kind": kind}
        return self.ask("generate", **command)["jwk"]

    def forms(self, key):
        """The key, `{"jwk"}` or `{"pem"}`, in every form that it has."""
        return self.ask("key", key=key)

    def sign(self, form, keys, payload):
        signers = [key.ours["private"] for key in keys]
        return self.ask("sign", **form.flags, keys=signers, payload=encode(payload))["token"]

    def verify(self, form, keys, token, payload):
        more = {"payload": encode(payload)} if form.detached else {}
        verifiers = [key.ours["public"] for key in keys]
        answer = self.ask("verify", **form.flags, keys=verifiers, token=token, **more)
        return decode(answer["payload"])

    def encrypt(self, form, enc, keys, plaintext, aad=None):
        recipients = [key.ours["public"] for key in keys]
        more = {"aad": encode(aad)} if aad else {}
        command = {"enc": enc, "keys": recipients, "plaintext": encode(plaintext), **more}
        return self.ask("encrypt", **form.flags, **command)["token"]

    def decrypt(self, form, enc, keys, token, inflate=False):
        """What each of the keys decrypts to."""
        recipients = [key.ours["private"] for key in keys]
        command = {"enc": enc, "keys": recipients, "token": token, "inflate": inflate}
        seen = self.ask("decrypt", **form.flags, **command)
        return decode(seen["plaintext"]), seen["aad"] and decode(seen["aad"])


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
