"""JSON and query strings.

The json and urllib packages cost 7 ms each to import, most of it for `re`; the C scanner under json needs neither, so
that it is used directly. Whatever is printed for people goes through the json package.
"""

from __future__ import annotations

from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3


class _Settings:
    """What json.JSONDecoder hands to its scanner."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_scan = make_scanner(_Settings())  # type: ignore[arg-type]  # typeshed has the class for its own argument


def loads(data: bytes) -> Any:
    """Decode one JSON text. Raises: ValueError."""
    text = data.decode("utf-8", "replace").strip()
    try:
        value, end = _scan(text, 0)
    # Without json.decoder, whose error it would raise, the scanner says SystemError.
    except (StopIteration, SystemError, RecursionError):
        raise ValueError(f"not JSON: {text[:80]!r}") from None
    if end != len(text):
        raise ValueError(f"more than one JSON text: {text[:80]!r}")
    return value


def dumps(value: object) -> bytes:
    """Encode as compact JSON. Arguments that are not UTF-8 (surrogate escapes) go out as the bytes that they were."""
    return _encode(value).encode("utf-8", "surrogateescape")


def _encode(value: object) -> str:
    if isinstance(value, str):
        return str(encode_basestring(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(key)}:{_encode(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_encode, value)) + "]"
    return repr(value)


def quote(text: str, keep: bytes = b"") -> str:
    """Percent-encode all but unreserved characters and the bytes of *keep* (RFC 3986)."""
    data = text.encode("utf-8", "surrogateescape")
    if UNRESERVED.issuperset(data):
        return text
    return "".join(chr(byte) if byte in UNRESERVED or byte in keep else f"%{byte:02X}" for byte in data)


def query_string(query: Mapping[str, object]) -> str:
    """`?a=b&c=1`: True is 1; None, False and "" are left out; lists repeat the key; mappings are JSON."""
    pairs = []
    for key, value in query.items():
        if value is None or value is False or value == "":
            continue
        for each in value if isinstance(value, list | tuple) else (value,):
            word = dumps(each).decode("utf-8", "surrogateescape") if isinstance(each, dict) else str(each)
            pairs.append(f"{key}={quote('1' if each is True else word)}")
    return "?" + "&".join(pairs) if pairs else ""
