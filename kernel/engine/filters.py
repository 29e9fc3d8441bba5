"""The filters of the prune calls (Docker Engine API, `filters`). Pure. Listing is filtered by the front end."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ck.kernel.errors import InvalidArgument

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class Filters:
    """Checked filters. Raises: InvalidArgument for one that is not among *known*."""

    def __init__(self, given: Mapping[str, Sequence[str]], known: Collection[str]) -> None:
        for name in given:
            if name not in known:
                raise InvalidArgument(f"invalid filter {name!r}")
        self._given = given

    def flag(self, name: str) -> bool | None:
        """A true/false filter, None where it is not given."""
        values = {value.lower() for value in self._given.get(name, ())}
        if values - {"true", "false", "1", "0"}:
            raise InvalidArgument(f"invalid filter '{name}={next(iter(values))}': expected true or false")
        if not values:
            return None
        return bool(values & {"true", "1"})

    def match_labels(self, labels: Mapping[str, str]) -> bool:
        """`label=K[=V]`: all must match; `label!=K[=V]`: none may."""
        wanted = all(_has_label(labels, label) for label in self._given.get("label", ()))
        return wanted and not any(_has_label(labels, label) for label in self._given.get("label!", ()))

    def until(self, now: datetime) -> datetime | None:
        """`until=`: a UNIX time, RFC 3339 or a duration such as "24h" before *now*."""
        values = self._given.get("until", ())
        return min(parse_until(value, now) for value in values) if values else None


def parse_until(value: str, now: datetime) -> datetime:
    """Raises: InvalidArgument."""
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return datetime.fromtimestamp(float(value), UTC)
        parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return now - timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"invalid filter 'until={value}'") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    key, assigns, value = wanted.partition("=")
    return key in labels and (not assigns or labels[key] == value)
