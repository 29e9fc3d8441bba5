"""JSON and query strings, against the standard library."""

import json
import subprocess
import sys
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.client.codec import dumps, loads, query_string, quote

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_round_trip(value: object) -> None:
    assert json.loads(dumps(value)) == value
    assert loads(dumps(value)) == value
    assert loads(json.dumps(value, indent=2).encode() + b"\n") == value


@given(st.binary())
def test_arguments_that_are_no_utf8_go_out_as_they_are(raw: bytes) -> None:
    argument = raw.decode("utf-8", "surrogateescape")
    assert (
        dumps([argument]).replace(b"\\", b"").count(raw.replace(b"\\", b"")) or b'"' in raw or min(raw, default=99) < 32
    )


@pytest.mark.parametrize("text", [b"", b"{", b"{} {}", b"nope", b'{"a" 1}'])
def test_malformed_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        loads(text)


@pytest.mark.parametrize("text", ["{bad", '{"a" 1}', "[1,", '"open', "[" * 100_000])
def test_malformed_json_is_a_value_error_also_where_the_json_package_is_not_loaded(text: str) -> None:
    program = """
import sys
from ck.cli.client.codec import loads
assert "json.decoder" not in sys.modules
try:
    loads(sys.stdin.buffer.read())
except ValueError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("not JSON: ")


@given(st.text())
def test_quote(text: str) -> None:
    assert unquote(quote(text)) == text
    assert quote("a/b:c", b"/:") == "a/b:c"


def test_query() -> None:
    query = {"all": True, "size": False, "name": "", "limit": None, "t": 0, "x": ["1", "2"], "filters": {"a": ["b&c"]}}
    parsed = parse_qsl(query_string(query).removeprefix("?"))
    assert parsed == [("all", "1"), ("t", "0"), ("x", "1"), ("x", "2"), ("filters", '{"a":["b&c"]}')]
    assert query_string({}) == ""
