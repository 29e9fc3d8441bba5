"""Times as Docker writes and reads them. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ck.kernel.errors import InvalidArgument

ZERO: Final = "0001-01-01T00:00:00Z"
"""Go's zero time: how the API says "never"."""

_UNIX: Final = re.compile(r"(-?\d{1,12})(?:\.(\d{1,9})\d*)?", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE | re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: datetime | None) -> str:
    """Go's RFC3339Nano: fractions without trailing zeros; None is ZERO."""
    if at is None:
        return ZERO
    at = at.astimezone(UTC)
    text = f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}"
    return f"{text}.{at.microsecond:06}".rstrip("0") + "Z" if at.microsecond else text + "Z"


def rfc3339_ns(time_ns: int) -> str:
    """UNIX nanoseconds with all nine digits, as the timestamps of logs are written, so that columns line up."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    at = _EPOCH + timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def unix_seconds(at: datetime | None) -> int:
    """None is the zero time's number, as Go gives it."""
    return int(at.timestamp()) if at else -62135596800


def unix_ns(at: datetime) -> int:
    """Exact, unlike float arithmetic on timestamp()."""
    passed = at - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000


def parse_ns(text: str, name: str) -> int | None:
    """A point in time as UNIX nanoseconds: "1136073845", "1136073845.000000001", RFC 3339 or the front part of it
    (then UTC). "" and "0" are None. Raises: InvalidArgument, naming the parameter *name*."""
    if text in ("", "0"):
        return None
    if unix := _UNIX.fullmatch(text):
        fraction = int((unix[2] or "0").ljust(9, "0"))
        return int(unix[1]) * 1_000_000_000 + (-fraction if text.startswith("-") else fraction)
    if stamp := _RFC3339.fullmatch(text):
        day, minutes, seconds, fraction_digits, zone = stamp.groups()
        zone = "+00:00" if zone in (None, "Z", "z") else zone
        try:
            at = datetime.fromisoformat(f"{day}T{minutes or '00:00'}:{seconds or '00'}{zone}")
            return unix_ns(at) + int((fraction_digits or "0").ljust(9, "0"))
        except ValueError:
            pass
    raise InvalidArgument(f"{name} must be a UNIX time or an RFC 3339 time, not {text!r}")


def parse_time(text: str, name: str) -> datetime | None:
    """As parse_ns, cut to microseconds."""
    time_ns = parse_ns(text, name)
    if time_ns is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        raise InvalidArgument(f"{name} is out of range: {text!r}") from None


_UNITS: Final = (
    (3600 * 24 * 365, 2, "years"),
    (3600 * 24 * 30, 2, "months"),
    (3600 * 24 * 7, 2, "weeks"),
    (3600 * 24, 2, "days"),
)


def human_duration(seconds: float) -> str:
    """As Docker's units.HumanDuration: "Less than a second", "5 seconds", "About an hour", "3 weeks"."""
    whole, minutes, hours = int(seconds), int(seconds / 60), int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for unit, at_least, word in _UNITS:
        if hours * 3600 >= unit * at_least:
            return f"{hours * 3600 // unit} {word}"
    raise AssertionError("48 hours are two days")
