"""`--device-read-bps` and its kind: how much of a device may be used in a second."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parse_bps(text: str) -> dict[str, Any]:
    """`PATH:RATE`, in bytes with a unit. Raises: ValueError."""
    from ck.cli.options.sizes import parse_bytes

    path, rate = _split(text, "/dev/sda:1mb")
    return {"Path": path, "Rate": parse_bytes(rate)}


def parse_iops(text: str) -> dict[str, Any]:
    """`PATH:RATE`, in operations. Raises: ValueError."""
    path, rate = _split(text, "/dev/sda:100")
    if not rate.isdecimal() or not rate.isascii() or len(rate) > 18:
        raise ValueError(f"invalid rate for device: {text}: it is a whole number")
    return {"Path": path, "Rate": int(rate)}


def _split(text: str, example: str) -> tuple[str, str]:
    path, colon, rate = text.rpartition(":")
    if not colon or not path.startswith("/"):
        raise ValueError(f"bad format: {text}: it is like {example}")
    return path, rate
