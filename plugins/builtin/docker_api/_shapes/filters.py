"""The `filters` of lists, prunes and events: what all kinds share. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ck.kernel.errors import InvalidArgument

Filters = Mapping[str, Sequence[str]]


def check_names(filters: Filters, known: Collection[str]) -> None:
    """Raises: InvalidArgument for a filter that is not one of *known*, in Docker's words."""
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")


def invalid_value(name: str, value: str) -> InvalidArgument:
    return InvalidArgument(f"invalid filter '{name}={value}'")


def flag(filters: Filters, name: str) -> bool | None:
    """A filter that is true or false; None without it. Raises: InvalidArgument for other values."""
    words = {"1": True, "true": True, "0": False, "false": False}
    found = None
    for value in filters.get(name, ()):
        if value.lower() not in words or found is (not words[value.lower()]):
            raise invalid_value(name, value)
        found = words[value.lower()]
    return found


def labels_match(wanted: Iterable[str], labels: Mapping[str, str]) -> bool:
    """Whether *labels* have each "key" or "key=value" of *wanted*."""
    for text in wanted:
        key, equals, value = text.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def patterns(filters: Filters, name: str) -> Callable[[str], bool]:
    """A test whether a text contains one of the filter's regular expressions, or is literally one that is malformed."""
    values = filters.get(name, ())
    if not values:
        return lambda text: True
    tests: list[str | re.Pattern[str]] = []
    for value in values:
        try:
            tests.append(re.compile(value))
        except re.error:
            tests.append(value)
    return lambda text: any(test == text if isinstance(test, str) else test.search(text) for test in tests)
