"""Volumes: list, create, inspect, remove, prune."""

from typing import Final

from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api._shapes.filters import check_names, flag
from ck.plugins.builtin.docker_api._shapes.volume import CREATE, volume_json, volume_test
from ck.plugins.builtin.docker_api.exchange import NO_CONTENT, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_PRUNE_FILTERS: Final = frozenset({"all", "label", "label!"})


async def list_volumes(request: Request) -> Reply:
    test = volume_test(request.filters())
    volumes = [volume_json(volume) for volume in await request.engine.volumes.list() if test(volume)]
    return json_reply({"Volumes": volumes, "Warnings": None})


async def create(request: Request) -> Reply:
    wanted = CREATE.load(request.json(), "")
    volume = await request.engine.volumes.create(
        wanted.get("name") or None,
        wanted.get("driver") or "local",
        wanted.get("options") or {},
        wanted.get("labels") or {},
    )
    return json_reply(volume_json(volume), 201)


async def inspect(request: Request) -> Reply:
    return json_reply(volume_json(await request.engine.volumes.get(request.id)))


async def remove(request: Request) -> Reply:
    await request.engine.volumes.remove(request.id, force=request.query.flag("force"))
    return NO_CONTENT


async def prune(request: Request) -> Reply:
    filters = versions.prune_filters(request.filters(), request.version)
    check_names(filters, _PRUNE_FILTERS)
    flag(filters, "all")
    pruned = await request.engine.volumes.prune(filters)
    return json_reply({"VolumesDeleted": list(pruned.ids) or None, "SpaceReclaimed": pruned.space})


ROUTES: Final = (
    Route("GET", "/volumes", list_volumes),
    Route("POST", "/volumes/create", create),
    Route("POST", "/volumes/prune", prune),
    Route("GET", "/volumes/{id}", inspect),
    Route("DELETE", "/volumes/{id}", remove),
)
