"""Credentials in config.json and in helpers."""

import base64
import json
import os
from pathlib import Path

import pytest

from ck.cli.credentials import all_auths_header, auth_header, erase, find, server_of, store
from ck.cli.errors import CliError
from ck.cli.reference import DOCKER_HUB

HELPER = """#!/bin/sh
read -r line
case $1 in
get) [ "$line" = known.example ] && echo '{"Username":"u","Secret":"s"}' || { echo credentials not found; exit 1; };;
store) echo "$line" > "$0.stored";;
erase) echo "$line" > "$0.erased";;
esac
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    return tmp_path


def test_stored_credentials_are_found_and_erased(directory: Path) -> None:
    assert find("reg.example") == {}
    store("reg.example", "user", "pass:word")
    path = directory / "config/config.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert find("reg.example") == {"username": "user", "password": "pass:word", "serveraddress": "reg.example"}
    assert find("https://reg.example/v2/")["username"] == "user"
    assert set(auth_header("reg.example")) == {"X-Registry-Auth"}
    assert erase("reg.example") and not erase("reg.example")
    assert auth_header("reg.example") == {}


def test_other_settings_survive(directory: Path) -> None:
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text('{"detachKeys": "ctrl-a", "auths": {"a.example": {"auth": "dTpw"}}}')
    store("b.example", "u", "p", identity_token="token")
    content = json.loads(path.read_text())
    assert content["detachKeys"] == "ctrl-a"
    assert content["auths"]["a.example"] == {"auth": "dTpw"}
    assert find("b.example") == {"identitytoken": "token", "serveraddress": "b.example"}


def test_helpers(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = directory / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text('{"credsStore": "test"}')
    assert find("known.example") == {"username": "u", "password": "s", "serveraddress": "known.example"}
    assert find("other.example") == {}
    store("new.example", "me", "secret")
    assert json.loads((directory / "docker-credential-test.stored").read_text())["Username"] == "me"
    assert "secret" not in path.read_text()
    assert erase("new.example")
    assert (directory / "docker-credential-test.erased").read_text() == "new.example\n"


def test_a_missing_helper_is_named(directory: Path) -> None:
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text('{"credHelpers": {"x.example": "nowhere"}}')
    with pytest.raises(CliError, match="docker-credential-nowhere is not installed"):
        find("x.example")


def test_what_a_helper_does_not_give_is_left_out_of_a_build(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text('{"credHelpers": {"x.example": "nowhere"}}')
    assert all_auths_header() == {}
    assert capsys.readouterr().err == (
        "WARNING: no credentials for x.example: credential helper docker-credential-nowhere is not installed\n"
    )
    path.write_text('{"credHelpers": {"x.example": "nowhere"}, "auths": {"a.example": {"auth": "dTpw"}}}')
    sent = json.loads(base64.urlsafe_b64decode(all_auths_header()["X-Registry-Config"]))
    assert sent == {"a.example": {"username": "u", "password": "p", "serveraddress": "a.example"}}


@pytest.mark.parametrize("answer", ["{bad", "[]", "{}", "nothing"])
def test_a_helper_that_answers_nonsense_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    helper = directory / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\necho '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text('{"credsStore": "test"}')
    with pytest.raises(CliError, match="docker-credential-test answered with no credentials"):
        find("x.example")


@pytest.mark.parametrize("content", ["{bad", "", "[1]"])
def test_a_damaged_file_is_named_and_not_shown(directory: Path, content: str) -> None:
    path = directory / "config/config.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(CliError) as raised:
        find("x.example")
    assert str(raised.value) in (f"{path} is not JSON", f"{path} is not a JSON object")


@pytest.mark.parametrize(
    ("argument", "server"),
    [("", DOCKER_HUB), ("docker.io", DOCKER_HUB), ("https://reg.example/v2/", "reg.example"), ("a:5000", "a:5000")],
)
def test_server_of(argument: str, server: str) -> None:
    assert server_of(argument) == server
