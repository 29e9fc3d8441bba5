"""The engine itself: ping, version, info, disk usage, login."""

from typing import Final

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api._shapes.reference import load_credentials
from ck.plugins.builtin.docker_api._shapes.system import info_json, usage_json, version_json
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.host import this_host
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.routes.containers import summaries

_KINDS: Final = frozenset({"container", "image", "volume", "build-cache"})

_PONG: Final = Reply(
    body=b"OK",
    content_type="text/plain; charset=utf-8",
    headers=(
        ("Builder-Version", "1"),
        ("Cache-Control", "no-cache, no-store, must-revalidate"),
        ("Pragma", "no-cache"),
        ("Swarm", "inactive"),
    ),
)


async def ping(_: Request) -> Reply:
    return _PONG


async def version(_: Request) -> Reply:
    return json_reply(version_json(this_host()))


async def info(request: Request) -> Reply:
    return json_reply(info_json(await request.engine.system.info(), this_host()))


async def disk_usage(request: Request) -> Reply:
    kinds = request.query.all("type")
    for kind in kinds:
        if kind not in _KINDS:
            raise InvalidArgument(f"unknown object type {kind!r}: it is one of {', '.join(sorted(_KINDS))}")
    engine = request.engine
    usage = await engine.system.disk_usage()
    records = list(await engine.containers.list())
    lines = await summaries(engine, records, with_size=False)
    for record, line in zip(records, lines, strict=True):
        line["SizeRw"] = usage.container_rw.get(record.id, 0)
        line["SizeRootFs"] = record.size_root_fs + line["SizeRw"]
    images, volumes = await engine.images.list(), await engine.volumes.list()
    json = usage_json(usage, images, lines, records, volumes, engine.images.familiar, kinds)
    return json_reply(versions.usage_fields(json, request.version))


async def login(request: Request) -> Reply:
    auth = request.json()
    credentials = load_credentials(auth)
    if credentials is None:
        raise InvalidArgument("a login needs a user name and a password, or an identity token")
    server = auth.get("serveraddress") or ""
    if not isinstance(server, str):
        raise InvalidArgument(f"serveraddress must be a string, not {server!r}")
    status = await request.engine.images.login(server, credentials)
    return json_reply({"Status": status, "IdentityToken": ""})


ROUTES: Final = (
    Route("GET", "/_ping", ping),
    Route("HEAD", "/_ping", ping),
    Route("GET", "/version", version),
    Route("GET", "/info", info),
    Route("GET", "/system/df", disk_usage),
    Route("POST", "/auth", login),
)
