"""WWW-Authenticate and Retry-After."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.plugins.builtin.registry_distribution._challenge import Challenge, parse_challenges, retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
tokens = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
names = tokens.map(str.lower)
values = st.text(st.characters(codec="latin-1"), max_size=10)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic realm=x", [Challenge("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "bearer",
                    {"realm": "https://auth.example/token", "service": "reg", "scope": "repository:a/b:pull,push"},
                )
            ],
        ),
        (
            'Basic realm="a, b", Bearer REALM = "c\\"d" , error=x',
            [Challenge("basic", {"realm": "a, b"}), Challenge("bearer", {"realm": 'c"d', "error": "x"})],
        ),
        ("Negotiate", [Challenge("negotiate", {})]),
        ("Basic", [Challenge("basic", {})]),
        ('realm="x"', []),
        ('Bearer realm="x', [Challenge("bearer", {"realm": ""})]),
        ("", []),
    ],
)
def test_challenges(header: str, expected: list[Challenge]) -> None:
    assert parse_challenges([header]) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(tokens, st.dictionaries(names, values, max_size=3)), max_size=3))
def test_written_challenges_are_read_again(written: list[tuple[str, dict[str, str]]]) -> None:
    def quote(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{scheme} " + ", ".join(f"{key}={quote(value)}" for key, value in parameters.items())
        for scheme, parameters in written
    )
    assert parse_challenges([text]) == [Challenge(scheme.lower(), parameters) for scheme, parameters in written]


@settings(deadline=None)
@given(st.lists(st.text(max_size=60) | st.text(alphabet='Bb="\\ ,x', max_size=30), max_size=3))
def test_hostile_headers_do_not_crash(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0", 0.0),
        (" 3 ", 3.0),
        ("-1", None),
        ("soon", None),
        ("٣", None),
        ("9" * 5000, 999999999999.0),
        ("Fri, 02 Jan 2026 03:04:15 GMT", 10.0),
        ("Fri, 02 Jan 2026 03:04:00 GMT", 0.0),
        ("Fri, 02 Jan 2026 03:04:15 -0000", 10.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@settings(deadline=None)
@given(st.text())
def test_hostile_retry_after_does_not_crash(header: str) -> None:
    seconds = retry_after(header, NOW)
    assert seconds is None or seconds >= 0
