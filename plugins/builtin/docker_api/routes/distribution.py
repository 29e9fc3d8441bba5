"""What registries have: manifests and indexes, looked at and put together."""

from typing import Final

from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.codec import TEXT, TEXT_MAP
from ck.plugins.builtin.docker_api._shapes.manifest import distribution_json, manifest_json
from ck.plugins.builtin.docker_api._shapes.reference import header_credentials, unbase64
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route

_AUTH: Final = "x-registry-auth"


async def inspect(request: Request) -> Reply:
    credentials = header_credentials(request.headers.get(_AUTH, ""))
    return json_reply(distribution_json(await request.engine.images.manifest(request.id, credentials)))


async def manifest(request: Request) -> Reply:
    credentials = header_credentials(request.headers.get(_AUTH, ""))
    local = request.query.flag("local")
    return json_reply(manifest_json(await request.engine.images.manifest(request.id, credentials, local=local)))


async def push_index(request: Request) -> None:
    body = request.json()
    index = unbase64(TEXT.load(body.get("Index"), "Index"), "Index")
    sources = TEXT_MAP.load(body.get("Sources") or {}, "Sources")
    credentials = header_credentials(request.headers.get(_AUTH, ""))
    await streams.progress(request, request.engine.images.push_index(request.id, index, sources, credentials))


ROUTES: Final = (
    Route("GET", "/distribution/{id:path}/json", inspect),
    Route("GET", "/ck/manifests/{id:path}", manifest),
    Route("POST", "/ck/manifests/{id:path}", push_index, watched=True),
)
