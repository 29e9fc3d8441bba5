"""What a registry's headers ask for: WWW-Authenticate (RFC 9110, 11.6.1) and Retry-After (RFC 9110, 10.2.3). Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A scheme, or a parameter with its value quoted or bare; commas and blanks between them mean nothing.
_PART: Final = re.compile(
    rf"[\s,]*(?:(?P<name>{_TOKEN})[ \t]*=[ \t]*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s,\"]*))"
    rf"|(?P<scheme>{_TOKEN}))"
)


@attrs.frozen
class Challenge:
    """One way to authenticate: `scheme` and the names of `parameters` in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all WWW-Authenticate headers, in order. What does not parse ends its header: it is a hint."""
    found: list[Challenge] = []
    for header in headers:
        position = 0
        current: dict[str, str] | None = None
        while match := _PART.match(header, position):
            position = match.end()
            if scheme := match["scheme"]:
                current = {}
                found.append(Challenge(scheme.lower(), current))
            elif current is None:
                break  # a parameter of no scheme
            else:
                quoted = match["quoted"]
                value = match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                current.setdefault(match["name"].lower(), value)
    return found


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, at least 0, or None where the header is missing or malformed."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # More digits than this are centuries; int() need not read thousands of them.
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp())
