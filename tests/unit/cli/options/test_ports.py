"""-p and --expose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.options.ports import parse_expose, parse_publish


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("80", [("80/tcp", "", "")]),
        ("8080:80", [("80/tcp", "", "8080")]),
        ("53:53/udp", [("53/udp", "", "53")]),
        ("127.0.0.1:8080:80", [("80/tcp", "127.0.0.1", "8080")]),
        ("127.0.0.1::80", [("80/tcp", "127.0.0.1", "")]),
        ("[::1]:8080:80", [("80/tcp", "::1", "8080")]),
        ("[::1]::80", [("80/tcp", "::1", "")]),
        ("8000-8001:80-81", [("80/tcp", "", "8000"), ("81/tcp", "", "8001")]),
        ("8000-8010:80", [("80/tcp", "", "8000-8010")]),
        ("80-81", [("80/tcp", "", ""), ("81/tcp", "", "")]),
    ],
)
def test_publish(text: str, published: list[tuple[str, str, str]]) -> None:
    assert [(port, each["HostIp"], each["HostPort"]) for port, each in parse_publish(text)] == published


@pytest.mark.parametrize(
    "text", ["", "x", "80:", "70000", "8-7", "1-2:1-3", "80/xyz", "1.2.3:80:80", "[::1:80:80", "a:80:80"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|no port"):
        parse_publish(text)


def test_expose() -> None:
    assert parse_expose("80-82/udp") == ["80/udp", "81/udp", "82/udp"]


@given(st.integers(0, 65535), st.integers(0, 200), st.integers(0, 65535))
def test_ranges_pair_up(inside: int, more: int, outside: int) -> None:
    more = min(more, 65535 - max(inside, outside))
    pairs = parse_publish(f"{outside}-{outside + more}:{inside}-{inside + more}")
    assert [int(each["HostPort"]) - outside for _, each in pairs] == list(range(more + 1))
    assert [int(port.removesuffix("/tcp")) - inside for port, _ in pairs] == list(range(more + 1))


@given(st.text(st.sampled_from("0123456789:-/.[]tcpud")))
def test_any_text_is_a_port_or_a_value_error(text: str) -> None:
    try:
        parse_publish(text)
    except ValueError:
        return
