"""Go's durations and the moments that `--since` and `--until` take."""

from __future__ import annotations

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5
    "μs": 1_000,  # U+03BC
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
NANO = 1_000_000_000


def parse_duration(text: str) -> int:
    """`1h30m`, `1.5s`, `-300ms`, `0`: nanoseconds (Go's time.ParseDuration). Raises: ValueError."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = 0
    if not rest:
        raise ValueError(f'invalid duration "{text}"')
    while rest:
        tail = rest.lstrip("0123456789.")
        number = rest[: len(rest) - len(tail)]
        rest, unit = _split_unit(tail)
        whole, _, fraction = number.partition(".")
        if unit not in UNITS or not (whole + fraction).isdecimal():
            raise ValueError(f'invalid duration "{text}"')
        scale = UNITS[unit]
        total += int(whole or "0") * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)
    return sign * total


def _split_unit(text: str) -> tuple[str, str]:
    """The text after the unit at the start of *text*, and that unit; the longer of two that fit."""
    for length in (2, 1):
        if text[:length] in UNITS and len(text[:length]) == length:
            return text[length:], text[:length]
    return "", text


def parse_timestamp(text: str, now: float) -> str:
    """A moment as the API wants it, `SECONDS[.NANOSECONDS]` since 1970.

    *text* is a duration before *now* (seconds since 1970), RFC 3339 or a leading part of it (local time where it names
    no zone), or the API's own form, which comes back as it is. Raises: ValueError.
    """
    if not text:
        return ""
    whole, _, fraction = text.partition(".")
    if whole.lstrip("-").isdecimal() and (not fraction or fraction.isdecimal()):
        return text
    try:
        ago = parse_duration(text)
    except ValueError:
        return _parse_date(text)
    return _api_time(round(now * NANO) - ago)


def _api_time(nanoseconds: int) -> str:
    return f"{nanoseconds // NANO}.{nanoseconds % NANO:09d}"


def _parse_date(text: str) -> str:
    from datetime import datetime

    # datetime keeps microseconds only: the digits after the point are taken apart by hand.
    head, point, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    zone = tail[len(digits) :]
    if point and (not digits or len(digits) > 9):
        raise ValueError(f'"{text}" is neither a duration nor an RFC 3339 time')
    try:
        moment = datetime.fromisoformat(head + zone)
    except ValueError:
        raise ValueError(f'"{text}" is neither a duration nor an RFC 3339 time') from None
    seconds = int(moment.astimezone().timestamp())
    return f"{seconds}.{digits.ljust(9, '0')}"
