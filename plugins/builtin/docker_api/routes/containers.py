"""Containers: list, create, inspect, top, changes, logs, prune, remove."""

from datetime import UTC, datetime
from typing import Final

from ck.kernel.api.container import Container
from ck.kernel.api.engine import Engine
from ck.kernel.drivers.log import LogQuery
from ck.kernel.errors import InvalidArgument, NotFound, Unsupported
from ck.kernel.lifecycle import ACTIVE, State
from ck.plugins.builtin.docker_api import streams, versions
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.container import changes_json, container_json, container_spec, processes_json
from ck.plugins.builtin.docker_api._shapes.container_filters import Looked, container_test, shows_stopped
from ck.plugins.builtin.docker_api._shapes.filters import Filters, check_names
from ck.plugins.builtin.docker_api._shapes.image import names_by_reference
from ck.plugins.builtin.docker_api._shapes.reference import platform_of
from ck.plugins.builtin.docker_api._shapes.summary import summary_json
from ck.plugins.builtin.docker_api._shapes.times import parse_ns
from ck.plugins.builtin.docker_api._shapes.why import why_json
from ck.plugins.builtin.docker_api.exchange import NO_CONTENT, ClientGone, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_PRUNE_FILTERS: Final = frozenset({"label", "label!", "until"})
_RUNS: Final = ACTIVE | {State.RESTARTING}


async def list_containers(request: Request) -> Reply:
    engine, query, filters = request.engine, request.query, request.filters()
    test = container_test(filters, await _look_up(engine, filters))
    limit = query.number("limit") or 0
    stopped_too = query.flag("all") or limit > 0 or shows_stopped(filters)
    chosen = [one for one in await engine.containers.list() if (stopped_too or one.state.status in _RUNS) and test(one)]
    if limit > 0:
        chosen = chosen[:limit]
    return json_reply(await summaries(engine, chosen, with_size=query.flag("size")))


async def summaries(engine: Engine, containers: list[Container], *, with_size: bool) -> list[Json]:
    """What `ps` shows of *containers*."""
    now = datetime.now(UTC)
    named = names_by_reference(await engine.images.list(), engine.images.familiar) if containers else {}
    lines = []
    for one in containers:
        sizes = await engine.containers.sizes(one.id) if with_size else None
        # A tag may have moved on to another image since; then only the ID tells the truth.
        image = one.image_ref if named.get(one.image_ref, one.image_id) == one.image_id else one.image_id
        lines.append(summary_json(one, now, image, sizes))
    return lines


async def _look_up(engine: Engine, filters: Filters) -> Looked:
    ancestors = set()
    for ref in filters.get("ancestor", ()):
        try:
            ancestors.add((await engine.images.get(ref)).id)
        except NotFound:  # no image, so no container of it
            continue
    before = [(await engine.containers.get(ref)).created for ref in filters.get("before", ())]
    since = [(await engine.containers.get(ref)).created for ref in filters.get("since", ())]
    return Looked(ancestors=ancestors, before=min(before, default=None), since=max(since, default=None))


async def create(request: Request) -> Reply:
    spec = container_spec(versions.create_defaults(request.json(), request.version))
    name = request.query.text("name").removeprefix("/") or None
    platform = platform_of(request.query.text("platform"))
    try:
        created = await request.engine.containers.create(spec, name, platform)
    except NotFound as missing:
        # Clients take a 404 for a missing image, pull it and try again: right only if it is what is missing.
        await request.engine.images.get(spec.config.image)
        raise InvalidArgument(str(missing)) from missing
    return json_reply({"Id": created.id, "Warnings": list(created.warnings)}, 201)


async def inspect(request: Request) -> Reply:
    engine = request.engine
    container = await engine.containers.get(request.id)
    sizes = await engine.containers.sizes(container.id) if request.query.flag("size") else None
    return json_reply(container_json(container, await engine.execs.of(container.id), sizes))


async def why(request: Request) -> Reply:
    return json_reply(why_json(await request.engine.containers.why(request.id)))


async def top(request: Request) -> Reply:
    processes = await request.engine.containers.top(request.id, request.query.text("ps_args", "-ef"))
    return json_reply(processes_json(processes))


async def changes(request: Request) -> Reply:
    return json_reply(changes_json(await request.engine.containers.changes(request.id)))


async def logs(request: Request) -> None:
    query, channel = request.query, request.channel
    stdout, stderr = query.flag("stdout"), query.flag("stderr")
    if not (stdout or stderr):
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    container = await request.engine.containers.get(request.id)
    if container.log_driver == "none":
        raise Unsupported("configured logging driver does not support reading")
    tail = query.text("tail", "all")
    until_ns = parse_ns(query.text("until"), "until")
    log_query = LogQuery(
        follow=query.flag("follow"),
        tail=int(tail) if tail.isdecimal() and len(tail) < 19 else None,
        since_ns=parse_ns(query.text("since"), "since"),
        # Docker shows the line of that very moment; a LogQuery ends before it.
        until_ns=None if until_ns is None else until_ns + 1,
        stdout=stdout,
        stderr=stderr,
    )
    batches = await request.engine.containers.logs(container.id, log_query)
    framed, timestamps, details = not container.config.tty, query.flag("timestamps"), query.flag("details")
    await channel.open_stream(versions.stream_type(request.version, tty=container.config.tty))
    try:
        async for batch in batches:
            await channel.send(streams.log_chunk(batch, framed=framed, timestamps=timestamps, details=details))
    except ClientGone:
        raise
    except Exception as exc:
        await channel.send(streams.error_tail(request, exc, framed=framed))


async def remove(request: Request) -> Reply:
    query = request.query
    if query.flag("link"):
        raise Unsupported("links are not supported by this engine: link=1 cannot remove one")
    await request.engine.containers.remove(request.id, force=query.flag("force"), volumes=query.flag("v"))
    return NO_CONTENT


async def prune(request: Request) -> Reply:
    filters = request.filters()
    check_names(filters, _PRUNE_FILTERS)
    pruned = await request.engine.containers.prune(filters)
    return json_reply({"ContainersDeleted": list(pruned.ids) or None, "SpaceReclaimed": pruned.space})


ROUTES: Final = (
    Route("GET", "/containers/json", list_containers),
    Route("POST", "/containers/create", create),
    Route("POST", "/containers/prune", prune),
    Route("GET", "/containers/{id}/json", inspect),
    Route("GET", "/ck/containers/{id}/why", why),
    Route("GET", "/containers/{id}/top", top),
    Route("GET", "/containers/{id}/changes", changes),
    Route("GET", "/containers/{id}/logs", logs, watched=True),
    Route("DELETE", "/containers/{id}", remove),
)
