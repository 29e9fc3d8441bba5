"""Numbers as Go's libraries read them: durations, sizes, booleans. All raise DockerfileError, which says of what."""

import re
from typing import Final

from ck.kernel.dockerfile.errors import DockerfileError

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART: Final = re.compile(r"([0-9]{0,20})(?:\.([0-9]{0,20}))?(ns|us|µs|μs|ms|s|m|h)")
_MAX_INT64: Final = 2**63 - 1
_SHORTEST: Final = 10**6  # a millisecond, the daemon's own least

_SIZE: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) ?(?:([kmgtp])i?)?b?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")


def parse_interval(text: str, flag: str) -> int:
    """A duration of HEALTHCHECK in nanoseconds (time.ParseDuration); 0 for "" and for 0, which mean the default."""
    if not text:
        return 0
    found = _duration(text)
    if found is None:
        raise DockerfileError(f'invalid duration "{text}" on flag: --{flag}')
    if found and found < _SHORTEST:
        raise DockerfileError(f'interval "{text}" on flag --{flag} cannot be less than 1ms')
    return found


def _duration(text: str) -> int | None:
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = at = 0
    while match := _PART.match(rest, at):
        whole, fraction = match[1], match[2] or ""
        if not whole + fraction:
            return None
        unit = _UNITS[match[3]]
        total += int(whole or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        at = match.end()
    return sign * total if rest and at == len(rest) and total <= _MAX_INT64 else None


def parse_size(text: str, key: str) -> int:
    """Bytes, of "64m" or "1.5GiB"; units are powers of 1024 (go-units, RAMInBytes)."""
    match = _SIZE.fullmatch(text)
    size = int(float(match[1]) * 1024 ** _POWERS[(match[2] or "").lower()]) if match else -1
    if not 0 <= size <= _MAX_INT64:
        raise DockerfileError(f"invalid value for {key}: {text}")
    return size


def parse_bool(text: str, key: str) -> bool:
    """strconv.ParseBool."""
    if text not in (*_TRUE, *_FALSE):
        raise DockerfileError(f"invalid value for {key}: {text}")
    return text in _TRUE


def parse_uint32(text: str, key: str, base: int = 10) -> int:
    """strconv.ParseUint with 32 bits."""
    digits = "01234567" if base == 8 else "0123456789"
    value = int(text, base) if text and len(text) <= 20 and not text.strip(digits) else -1
    if not 0 <= value < 2**32:
        raise DockerfileError(f"invalid value {text} for {key}")
    return value
