"""Options of restarts: policy, backoff, what follows from an unhealthy container."""

from __future__ import annotations

from ck.cli.options.durations import NANO, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ON_UNHEALTHY = ("restart", "stop", "none")
DURATIONS = {"min": "min", "max": "max", "reset-after": "reset_after"}
NUMBERS = ("factor", "jitter")


def parse_restart(text: str) -> dict[str, Any]:
    """`no`, `always`, `unless-stopped`, `on-failure[:MAX]`, or a further policy that the engine knows. Raises:
    ValueError."""
    name, colon, count = text.partition(":")
    if not name and colon:
        raise ValueError("invalid restart policy format: no policy provided before colon")
    if colon and not count.isdecimal():
        raise ValueError("invalid restart policy format: maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def parse_backoff(text: str) -> dict[str, float]:
    """`min=100ms,max=1m,factor=2,jitter=0.1,reset-after=10s`, any of them: seconds and numbers by the engine's names.
    Raises: ValueError."""
    numbers: dict[str, float] = {}
    for field in text.split(","):
        key, _, value = field.partition("=")
        if key in DURATIONS:
            numbers[DURATIONS[key]] = parse_duration(value) / NANO
        elif key in NUMBERS:
            if not value.replace(".", "", 1).isdecimal():
                raise ValueError(f"{key} must be a number, not {value!r}")
            numbers[key] = float(value)
        else:
            raise ValueError(f"unknown field {key!r}: there are {', '.join((*DURATIONS, *NUMBERS))}")
    return numbers
