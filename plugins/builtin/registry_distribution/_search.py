"""Docker's search protocol: what a term means, and reading an answer. Pure; what it reads comes from a stranger.

Source: Docker Hub and Registry Spec v1, "Search" (GET /v1/search?q=TERM&n=NUMBER).
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from ck.kernel.drivers.registry import SearchResult
from ck.kernel.errors import CorruptData, InvalidArgument
from ck.plugins.builtin.registry_distribution._reference import DOCKER_HUB, HOST, OFFICIAL, has_host

DOCKER_HUB_INDEX: Final = "index.docker.io"
"""Where Docker Hub answers searches; its registry does not."""


def split_term(term: str) -> tuple[str, str]:
    """Host and words: "alpine" is for Docker Hub, "quay.io/alpine" for quay.io. Raises: InvalidArgument."""
    host, words = DOCKER_HUB, term
    if "://" not in term and has_host(term):
        host, _, words = term.partition("/")
        if host == DOCKER_HUB_INDEX:
            host = DOCKER_HUB
    if "://" in term or not words or not HOST.fullmatch(host):
        raise InvalidArgument(f"cannot search for {term!r}: it must be a word, or HOST/WORD")
    return host, words.removeprefix(OFFICIAL) if host == DOCKER_HUB else words


def read_results(raw: bytes, host: str) -> Sequence[SearchResult]:
    """The repositories in the body *raw* that *host* sent. Raises: CorruptData."""
    try:
        found = json.loads(raw)["results"] or []
        return [_result(item) for item in found]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise CorruptData(f"{host} sent no list of search results") from exc


def _result(item: dict[str, Any]) -> SearchResult:
    name, description, stars = item["name"], item.get("description") or "", item.get("star_count") or 0
    if not isinstance(name, str) or not isinstance(description, str) or not isinstance(stars, int):
        raise TypeError(item)
    return SearchResult(name=name, description=description, stars=stars, official=item.get("is_official") is True)
