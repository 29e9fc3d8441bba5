"""What a search found, and which of it is wanted. Pure."""

from collections.abc import Callable, Iterator
from typing import Final

from ck.kernel.drivers.registry import SearchResult
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.filters import Filters, check_names, flag, invalid_value

_KNOWN: Final = frozenset({"is-automated", "is-official", "stars"})


def search_json(found: SearchResult) -> Json:
    """Docker's ImageSearchResponseItem. No repository is built automatically any more (Docker Engine API, 1.44)."""
    return {
        "name": found.name,
        "description": found.description,
        "star_count": found.stars,
        "is_official": found.official,
        "is_automated": False,
    }


def search_test(filters: Filters) -> Callable[[SearchResult], bool]:
    """A test for one result. Raises: InvalidArgument for an unknown filter or a value that does not parse."""
    check_names(filters, _KNOWN)
    tests = list(_tests(filters))
    return lambda found: all(test(found) for test in tests)


def _tests(filters: Filters) -> Iterator[Callable[[SearchResult], bool]]:
    if (official := flag(filters, "is-official")) is not None:
        yield lambda found: found.official is official
    if (automated := flag(filters, "is-automated")) is not None:
        yield lambda found: not automated
    for value in filters.get("stars", ()):
        if not value.isdecimal() or len(value) > 12:
            raise invalid_value("stars", value)
    if stars := [int(value) for value in filters.get("stars", ())]:
        yield lambda found: found.stars >= max(stars)
