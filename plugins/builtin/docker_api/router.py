"""From method and path to a handler: a table of patterns. Pure.

A pattern's `{name}` stands for one path segment, `{name:path}` for any number of them (names of images hold slashes). A
prefix `/v1.NN` chooses the API version; without one the newest is meant.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

import attrs

from ck.kernel.errors import NotFound
from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api.exchange import NO_QUERY, Handler, Query
from ck.plugins.builtin.docker_api.versions import ApiVersion

_VERSIONED: Final = re.compile(r"/v(\d{1,4})\.(\d{1,4})(/.*)", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\{(\w+)(:path)?\}")


@attrs.frozen
class Route:
    """One endpoint. `watched`: the handler is cancelled when its client hangs up, and when the server stops.
    `streams_body`: the handler reads the body piece by piece; else it is read before the handler is called. `when` is
    a query parameter that must have a value for the route to be the one that is meant."""

    method: str
    pattern: str
    handler: Handler
    watched: bool = False
    streams_body: bool = False
    when: str = ""


@attrs.frozen
class Match:
    route: Route
    params: Mapping[str, str]
    version: ApiVersion


class Router:
    """Routes without placeholders win over those with; among equals the first in the table wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[tuple[str, str], list[Route]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            if "{" in route.pattern:
                self._patterns.setdefault(route.method, []).append((_compile(route.pattern), route))
            else:
                self._fixed.setdefault((route.method, route.pattern), []).append(route)

    def match(self, method: str, path: str, query: Query = NO_QUERY) -> Match:
        """Find the handler for *path* (still percent-encoded) and *query*.

        Raises: NotFound in Docker's words, InvalidArgument for a version that is not served.
        """
        path = unquote(path)
        if "//" in path:
            path = re.sub("/{2,}", "/", path)
        version = versions.NEWEST
        if versioned := _VERSIONED.fullmatch(path):
            version = versions.check((int(versioned[1]), int(versioned[2])))
            path = versioned[3]
        for route in self._fixed.get((method, path), ()):
            if not route.when or query.text(route.when):
                return Match(route, {}, version)
        for pattern, route in self._patterns.get(method, ()):
            if found := pattern.fullmatch(path):
                return Match(route, found.groupdict(), version)
        raise NotFound("page not found")


def _compile(pattern: str) -> re.Pattern[str]:
    regex, end = "", 0
    for placeholder in _PLACEHOLDER.finditer(pattern):
        regex += re.escape(pattern[end : placeholder.start()])
        regex += f"(?P<{placeholder[1]}>{'.+' if placeholder[2] else '[^/]+'})"
        end = placeholder.end()
    return re.compile(regex + re.escape(pattern[end:]), re.DOTALL)
