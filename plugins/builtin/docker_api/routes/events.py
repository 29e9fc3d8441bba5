"""The stream of events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

from ck.kernel.events import Recorded
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.event import event_json, event_test
from ck.plugins.builtin.docker_api._shapes.times import parse_time
from ck.plugins.builtin.docker_api.exchange import Request
from ck.plugins.builtin.docker_api.router import Route


async def events(request: Request) -> None:
    """Beyond Docker's parameters, `cursor` goes on after the event of that number."""
    query, test = request.query, event_test(request.filters())
    since, until = parse_time(query.text("since"), "since"), parse_time(query.text("until"), "until")
    recorded = request.engine.system.events(since, until, query.number("cursor"))
    async with aclosing(cast(AsyncGenerator[Recorded, None], recorded)), streams.json_stream(request) as send:
        async for one in recorded:
            if test(one.event):
                await send(event_json(one))


ROUTES: Final = (Route("GET", "/events", events, watched=True),)
