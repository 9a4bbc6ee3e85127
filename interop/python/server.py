"""Starts `countersign dev` for one suite, and ends it."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_LIMIT_S = 15
STOP_LIMIT_S = 10


class Server:
    """A running server with a data folder of its own, and clients beside those of the demo."""

    def __init__(self, clients=""):
        binary = os.environ.get("COUNTERSIGN_BIN")
        if not binary:
            raise RuntimeError("COUNTERSIGN_BIN names no countersign binary")
        self.folder = tempfile.TemporaryDirectory(prefix="countersign-interop-")
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self.output = tempfile.TemporaryFile()
        data = os.path.join(self.folder.name, "data")
        config = os.path.join(self.folder.name, "clients.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(clients.replace("ISSUER", self.issuer))
        self.process = subprocess.Popen(
            [binary, "dev", "--port", str(port), "--data-dir", data, "--config", config],
            cwd=self.folder.name,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        limit = time.monotonic() + START_LIMIT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.output.seek(0)
                said = self.output.read().decode(errors="replace")
                self.stop()
                raise RuntimeError(f"countersign dev did not start:\n{said}")
            time.sleep(0.01)

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration"):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()
        self.folder.cleanup()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
