"""Sizes and times as Docker words them (docker/go-units)."""

from __future__ import annotations

DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
NO_TIME = "N/A"
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def human_size(size: float, digits: int = 4) -> str:
    """`1.234MB`: powers of 1000, *digits* significant digits."""
    return _scaled(size, 1000, DECIMAL, digits)


def binary_size(size: float) -> str:
    """`1.177MiB`: powers of 1024."""
    return _scaled(size, 1024, BINARY, 4)


def _scaled(size: float, base: int, units: tuple[str, ...], digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size /= base
        step += 1
    number = f"{size:.{digits}g}"
    # 999.9 rounded to three digits is 1e+03 for Go too, and Docker prints it so.
    return number + units[step]


def human_duration(seconds: float) -> str:
    """`5 minutes`, `About an hour`, `3 weeks`."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, divisor, unit in ((48, 1, "hours"), (336, 24, "days"), (1440, 168, "weeks"), (17520, 720, "months")):
        if hours < limit:
            return f"{hours // divisor} {unit}"
    return f"{int(seconds / 3600) // 24 // 365} years"


def ago(created: float, now: float) -> str:
    """`5 minutes ago` for a moment since 1970; "N/A" for what has no time, which the API says by the year 1."""
    return f"{human_duration(now - created)} ago" if created > 0 else NO_TIME


def ellipsis(text: str, length: int) -> str:
    """At most *length* characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def short_id(identifier: str) -> str:
    """The twelve digits that people use, without the name of the hash."""
    return identifier.rpartition(":")[2][:12]
