"""What stands in a query or a header: references, platforms, credentials, filters, detach keys."""

import base64
import json
from typing import Any

import pytest

from ck.kernel.drivers.registry import Credentials, Platform
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.detach_keys import parse_detach_keys
from ck.plugins.builtin.docker_api._shapes.reference import (
    asks_for_all_tags,
    header_credentials,
    platform_of,
    pull_reference,
)
from ck.plugins.builtin.docker_api.exchange import Query, Request, parse_json


@pytest.mark.parametrize(
    ("text", "keys"), [("", b"\x10\x11"), ("ctrl-a", b"\x01"), ("ctrl-p,q", b"\x10q"), ("ctrl-[,ctrl-@", b"\x1b\0")]
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "a,,b", "é"])
def test_detach_keys_that_are_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid detach keys"):
        parse_detach_keys(text)


@pytest.mark.parametrize(
    ("image_name", "tag", "reference", "all_tags"),
    [
        ("ubuntu", "20.04", "ubuntu:20.04", False),
        ("ubuntu", "", "ubuntu", True),
        ("ubuntu:20.04", "", "ubuntu:20.04", False),
        ("localhost:5000/a", "", "localhost:5000/a", True),
        ("ubuntu", "sha256:ab", "ubuntu@sha256:ab", False),
        ("ubuntu@sha256:ab", "latest", "ubuntu@sha256:ab", False),
        ("oci:/dir", "", "oci:/dir", False),
    ],
)
def test_pull_reference(image_name: str, tag: str, reference: str, all_tags: bool) -> None:
    assert pull_reference(image_name, tag) == reference
    assert asks_for_all_tags(image_name, tag) is all_tags


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("", None),
        ("linux/arm64/v8", Platform(os="linux", architecture="arm64", variant="v8")),
        ("linux/x86_64", Platform(os="linux", architecture="amd64")),
        ("arm64", Platform(os="linux", architecture="arm64")),
        ('{"os":"linux","architecture":"arm","variant":"v7"}', Platform(architecture="arm", variant="v7")),
    ],
)
def test_platform(text: str, platform: Platform | None) -> None:
    assert platform_of(text) == platform


@pytest.mark.parametrize("text", ["a/b/c/d", "linux/", "a,b", '{"os": 5}', '{"architecture": ["x"]}', "{"])
def test_platform_that_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="platform"):
        platform_of(text)


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_credentials() -> None:
    assert header_credentials("") is None
    assert header_credentials(encode({})) is None and header_credentials(encode(None)) is None
    login = {"username": "u>?", "password": "p", "serveraddress": "x"}
    assert header_credentials(encode(login)) == Credentials(username="u>?", password="p")
    assert header_credentials(encode(login).rstrip("=")) == Credentials(username="u>?", password="p")
    packed = {"auth": base64.b64encode(b"u:p:q").decode()}
    assert header_credentials(encode(packed)) == Credentials(username="u", password="p:q")
    assert header_credentials(encode({"identitytoken": "t"})) == Credentials(identity_token="t")
    for bad in ("?", encode([1]), encode({"username": 5}), "AAAA"):
        with pytest.raises(InvalidArgument):
            header_credentials(bad)


def test_query_reads_as_docker_does() -> None:
    query = Query("a=1&a=2&empty=&no=false&yes=anything&n=-3&bad=x")
    assert query.text("a") == "1" and query.all("a") == ["1", "2"] and query.text("empty", "d") == "d"
    assert query.flag("a") and not query.flag("no") and query.flag("yes") and not query.flag("none")
    assert query.number("n") == -3 and query.number("none") is None
    with pytest.raises(InvalidArgument, match="bad must be a whole number"):
        query.number("bad")


def request(query: str) -> Request:
    nothing: Any = None
    return Request(
        method="GET",
        path="/",
        params={},
        query=Query(query),
        headers={},
        version=(1, 51),
        engine=nothing,
        channel=nothing,
    )


def test_filters_in_both_forms() -> None:
    assert request("").filters() == {}
    assert request('filters={"a":["b","c"]}').filters() == {"a": ["b", "c"]}
    assert request('filters={"a":{"b":true,"c":false}}').filters() == {"a": ["b"]}
    for bad in ("filters=[]", "filters={", 'filters={"a":"b"}', 'filters={"a":[1]}'):
        with pytest.raises(InvalidArgument):
            request(bad).filters()


@pytest.mark.parametrize("text", [b"{", b"NaN", b'"\\ud800"', b"[" * 100000, b"\xff", b"1" * 5000])
def test_json_of_strangers(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match="the body is not valid JSON"):
        parse_json(text, "the body")
