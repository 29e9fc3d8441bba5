"""Credentials and certificates, against a registry that asks for them."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import Unauthorized, Unavailable
from tests.support.oci_layout import OciLayout, make_layer
from tests.support.pulling import distribution, manifest_of
from tests.support.registry import Registry, make_certificates

ANN = Credentials(username="ann", password="pass:word")
WRONG = Credentials(username="ann", password="wrong")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with basic auth that holds x:1."""
    directory = tmp_path_factory.mktemp("ck-guarded")
    layout = OciLayout(directory / "layout")
    layout.add_image("t", [make_layer({"a": b"1"})])
    with Registry(directory, users={"ann": "pass:word"}) as registry:
        registry.push(layout.directory, "t", "x:1", user="ann:pass:word")
        yield registry


def test_without_credentials(guarded: Registry, anonymous: Path) -> None:
    with pytest.raises(Unauthorized, match=f"{guarded.address} asks for a user name and password"):
        trio.run(manifest_of, distribution(), f"{guarded.address}/x:1")


def test_credentials_of_the_pull(guarded: Registry, anonymous: Path) -> None:
    async def main() -> None:
        reference = f"{guarded.address}/x:1"
        driver = distribution()
        manifest = await manifest_of(driver, reference, credentials=ANN)
        async with driver.source(driver.normalize(reference), ANN) as source, source.blob(manifest.layers[0]) as chunks:
            assert b"".join([chunk async for chunk in chunks])
        with pytest.raises(Unauthorized, match="refuses the user name or password"):
            await manifest_of(driver, reference, credentials=WRONG)

    trio.run(main)


def test_credentials_of_docker_login(guarded: Registry, anonymous: Path) -> None:
    auth = base64.b64encode(b"ann:pass:word").decode()
    (anonymous / "config.json").write_text(json.dumps({"auths": {guarded.address: {"auth": auth}}}))
    assert trio.run(manifest_of, distribution(), f"{guarded.address}/x:1")


def test_credential_helper(guarded: Registry, anonymous: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "bin" / "docker-credential-cktest"
    helper.parent.mkdir()
    answer = json.dumps({"ServerURL": "x", "Username": "ann", "Secret": "pass:word"})
    script = (
        f"#!/bin/sh\nread -r server || true\n[ \"$1 $server\" = 'get {guarded.address}' ] && echo '{answer}' && exit\n"
    )
    helper.write_text(f"{script}echo 'credentials not found in native keychain'\nexit 1\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
    config = anonymous / "config.json"
    config.write_text(json.dumps({"credsStore": "cktest"}))
    assert trio.run(manifest_of, distribution(), f"{guarded.address}/x:1")
    localhost = guarded.address.replace("127.0.0.1", "localhost")
    with pytest.raises(Unauthorized, match="asks for a user name"):
        trio.run(manifest_of, distribution(), f"{localhost}/x:1")
    config.write_text(json.dumps({"credsStore": "ck-is-not-there"}))
    with pytest.raises(Unavailable, match="cannot run docker-credential-ck-is-not-there"):
        trio.run(manifest_of, distribution(), f"{guarded.address}/x:1")


def test_login(guarded: Registry, registry: Registry, anonymous: Path) -> None:
    async def main() -> None:
        driver = distribution()
        assert await driver.login(guarded.address, ANN) == "Login Succeeded"
        assert await driver.login(f"http://{guarded.address}/v2/", ANN) == "Login Succeeded"
        assert await driver.login(registry.address, ANN) == "Login Succeeded"
        with pytest.raises(Unauthorized, match="refuses the user name or password"):
            await driver.login(guarded.address, WRONG)

    trio.run(main)


def test_tls_with_a_ca_of_its_own(anonymous: Path, tmp_path: Path) -> None:
    ca, certificate, key = make_certificates(tmp_path)
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [make_layer({"a": b"1"})])
    with Registry(tmp_path, tls=(certificate, key)) as registry:
        registry.push(layout.directory, "t", "x:1")
        reference = f"{registry.address}/x:1"
        directory = tmp_path / "certs.d" / registry.address
        directory.mkdir(parents=True)
        driver = distribution(certificates=[str(tmp_path / "certs.d")])
        with pytest.raises(Unavailable, match=f"certificate is not trusted.*/etc/ck/certs.d/{registry.address}/ca.crt"):
            trio.run(manifest_of, driver, reference)
        (directory / "ca.crt").write_bytes(ca.read_bytes())
        assert trio.run(manifest_of, driver, reference)
        with pytest.raises(Unavailable, match="HTTP request to an HTTPS server"):
            trio.run(manifest_of, distribution(), reference)
