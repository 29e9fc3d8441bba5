"""Searching a registry for images."""

from typing import Final

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.reference import header_credentials
from ck.plugins.builtin.docker_api._shapes.search import search_json, search_test
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_LIMIT: Final = 25
_MAX_LIMIT: Final = 100  # of Docker Hub


async def search(request: Request) -> Reply:
    term = request.query.text("term")
    if not term:
        raise InvalidArgument("term must say what to search for")
    limit = request.query.number("limit") or _LIMIT
    if not 1 <= limit <= _MAX_LIMIT:
        raise InvalidArgument(f"limit {limit} is outside the range of [1, {_MAX_LIMIT}]")
    test = search_test(request.filters())
    credentials = header_credentials(request.headers.get("x-registry-auth", ""))
    found = await request.engine.images.search(term, limit, credentials)
    return json_reply([search_json(each) for each in found if test(each)])


ROUTES: Final = (Route("GET", "/images/search", search, watched=True),)
