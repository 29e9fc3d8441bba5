"""A real registry (Debian's docker-registry) on a free loopback port, for as long as a `with` block."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import bcrypt

from ck.kernel.linux.netns import inside
from tests.support.daemon import entering

READY_SECONDS = 20.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Registry:
    """`docker-registry serve`, stopped by its PID. *users* (name to password) turn basic auth on, *tls* (certificate
    and key, PEM files) TLS, *netns* is an fd of the network namespace in which it is to be (the caller's). `directory`
    holds its storage, config and log."""

    def __init__(
        self,
        directory: Path,
        *,
        users: dict[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
        netns: int | None = None,
    ) -> None:
        self.directory, self._users, self._tls, self._netns = directory, users or {}, tls, netns
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = self.directory / "config.yml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*entering(self._netns), "docker-registry", "serve", str(config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                pass_fds=self._fds,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server; its storage stays."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def push(self, layout: Path, tag: str, name: str, *options: str, user: str = "") -> None:
        """Copy `oci:LAYOUT:TAG` to `NAME` ("path:tag") here with skopeo; *options* are further ones of its."""
        credentials = [f"--dest-creds={user}"] if user else []
        command = [
            *entering(self._netns),
            "skopeo",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            *credentials,
            *options,
        ]
        target = f"docker://{self.address}/{name}"
        command += [f"oci:{layout}:{tag}", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=self._fds)
        if done.returncode:
            raise AssertionError(f"skopeo: {done.stderr}")

    @property
    def _fds(self) -> tuple[int, ...]:
        return () if self._netns is None else (self._netns,)

    def _config(self) -> dict[str, object]:
        http: dict[str, object] = {"addr": self.address, "secret": "ck-test"}
        if self._tls:
            http["tls"] = {"certificate": str(self._tls[0]), "key": str(self._tls[1])}
        config: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.directory / "storage")},
                "delete": {"enabled": True},
            },
            "http": http,
        }
        if self._users:
            passwords = self.directory / "htpasswd"
            passwords.write_text("".join(f"{name}:{_hashed(word)}\n" for name, word in self._users.items()))
            config["auth"] = {"htpasswd": {"realm": "ck test", "path": str(passwords)}}
        return config

    def _wait_until_ready(self) -> None:
        """The server tells nobody when it listens, so it is asked until it answers."""
        url = f"{'https' if self._tls else 'http'}://{self.address}/v2/"
        context = ssl._create_unverified_context() if self._tls else None
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else [])
        )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                with inside(self._netns) if self._netns is not None else nullcontext():
                    opener.open(url, timeout=READY_SECONDS).close()
            except urllib.error.HTTPError as error:
                error.close()  # 401: it answers
            except OSError:
                time.sleep(0.02)
                continue
            return
        raise AssertionError(f"docker-registry does not serve: {(self.directory / 'log').read_text()}")


def _hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


def make_certificates(directory: Path) -> tuple[Path, Path, Path]:
    """A CA of our own, and a certificate and key for 127.0.0.1 and localhost that it signed: (ca, certificate, key)."""
    ca, ca_key = directory / "ca.crt", directory / "ca.key"
    certificate, key, request = directory / "server.crt", directory / "server.key", directory / "server.csr"
    names = directory / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl("req", "-x509", *curve, "-subj", "/CN=ck test CA", "-days", "2", "-keyout", ca_key, "-out", ca)
    _openssl("req", *curve, "-subj", "/CN=ck test", "-keyout", key, "-out", request)
    _openssl(
        "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
        "-extfile", names, "-out", certificate,
    )  # fmt: skip
    return ca, certificate, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True)
