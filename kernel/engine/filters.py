"""The filters of the prune calls (Docker Engine API, `filters`). Pure. Listing is filtered by the front end."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from ck.kernel.api.until import parse_until
from ck.kernel.errors import InvalidArgument


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


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    key, assigns, value = wanted.partition("=")
    return key in labels and (not assigns or labels[key] == value)
