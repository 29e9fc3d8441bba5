"""Moments as commands print them, in local time."""

from __future__ import annotations

from time import localtime, strftime


def rfc3339(seconds: float) -> str:
    """`2024-01-02T15:04:05+01:00`."""
    text = strftime("%Y-%m-%dT%H:%M:%S%z", localtime(seconds))
    return _zone(text)


def rfc3339_nano(nanoseconds: int) -> str:
    """`2024-01-02T15:04:05.123456789+01:00`."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    moment = localtime(seconds)
    return _zone(f"{strftime('%Y-%m-%dT%H:%M:%S', moment)}.{fraction:09d}{strftime('%z', moment)}")


def _zone(text: str) -> str:
    return text[:-5] + ("Z" if text.endswith("+0000") else f"{text[-5:-2]}:{text[-2:]}")


def go_time(seconds: float) -> str:
    """`2024-01-02 15:04:05 +0100 CET`, as Go's Time.String writes it."""
    return strftime("%Y-%m-%d %H:%M:%S %z %Z", localtime(seconds))
