"""Amounts: bytes with units, and fractions of CPUs."""

from __future__ import annotations

BINARY = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
NANO = 1_000_000_000


def parse_bytes(text: str) -> int:
    """`512`, `64m`, `1.5g`, `2KiB`, `10 MB`: bytes, in powers of 1024 as Docker's `--memory` counts them. Raises:
    ValueError."""
    number = text.strip().lower()
    digits = number.rstrip("bkmgtpi ")
    unit = number[len(digits) :].strip()
    power = 0
    if unit:
        if unit[0] not in BINARY or unit[1:] not in ("b", "ib", "") or (unit[0] == "b" and len(unit) > 1):
            raise ValueError(f"invalid size: '{text}'")
        power = BINARY[unit[0]]
    try:
        value = float(digits)
    except ValueError:
        raise ValueError(f"invalid size: '{text}'") from None
    if not 0 <= value < 2**63:
        raise ValueError(f"invalid size: '{text}'")
    return int(value * 1024**power)


def parse_swap(text: str) -> int:
    """`parse_bytes`, and -1 for no limit. Raises: ValueError."""
    return -1 if text == "-1" else parse_bytes(text)


def parse_cpus(text: str) -> int:
    """`1.5` CPUs in billionths, exactly. Raises: ValueError."""
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdecimal() or len(fraction) > 9 or not text.isascii():
        raise ValueError(f"{text!r} is not a number of CPUs with at most 9 decimal places")
    return int(whole or "0") * NANO + int(fraction.ljust(9, "0") or "0")
