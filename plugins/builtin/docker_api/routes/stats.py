"""What containers use: Docker's endpoint for one, and ck's for many in one answer."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from ck.kernel.api.stats import Stats
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.stats import stats_json
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.streams import json_stream


async def of_one(request: Request) -> Reply | None:
    """`one-shot` makes no difference: the sample before is one that was made already, and nobody waits for it."""
    statistics = request.engine.statistics
    if not request.query.flag("stream", default=True):
        return json_reply(stats_json((await statistics.once([request.id]))[0]))
    await request.engine.containers.get(request.id)
    async with aclosing(statistics.stream([request.id])) as looks, json_stream(request) as send:
        async for look in looks:
            if not look:
                return None  # removed
            await send(stats_json(look[0]))
    return None


async def of_many(request: Request) -> Reply | None:
    """`container` may be there more than once; without it, all that run. Each line of a stream is one list."""
    statistics = request.engine.statistics
    refs = request.query.all("container") or None
    if not request.query.flag("stream", default=True):
        return json_reply(_all(await statistics.once(refs)))
    for ref in refs or ():
        await request.engine.containers.get(ref)
    async with aclosing(statistics.stream(refs)) as looks, json_stream(request) as send:
        async for look in looks:
            await send(_all(look))
    return None


def _all(looks: Sequence[Stats]) -> list[Json]:
    return [stats_json(each) for each in looks]


ROUTES: Final = (
    Route("GET", "/containers/{id}/stats", of_one, watched=True),
    Route("GET", "/ck/stats", of_many, watched=True),
)
