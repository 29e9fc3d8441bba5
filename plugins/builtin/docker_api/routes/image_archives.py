"""Images as archives: save, load, import."""

from typing import BinaryIO, Final

from ck.kernel.api.image import ImportRequest
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.reference import platform_of, tagged
from ck.plugins.builtin.docker_api.exchange import TAR, Request
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.uploads import while_client_waits, with_body


async def save(request: Request) -> None:
    refs = [request.id] if "id" in request.params else request.query.all("names")
    if not refs:
        raise InvalidArgument("names must name the images to save")
    async with request.engine.images.save(refs) as chunks:
        await request.channel.open_stream(TAR)
        async for chunk in chunks:
            await request.channel.send(chunk)


async def load(request: Request) -> None:
    quiet = request.query.flag("quiet")

    async def work(tar: BinaryIO) -> None:
        await streams.progress(request, request.engine.images.load(tar), quiet=quiet)

    await with_body(request, work)


async def import_archive(request: Request) -> None:
    query = request.query
    source = query.text("fromSrc")
    wanted = ImportRequest(
        target=tagged(query.text("repo"), query.text("tag")),
        comment=query.text("message") or f"Imported from {source}",
        platform=platform_of(query.text("platform")),
        changes=tuple(query.all("changes")),
    )
    if source == "-":
        image_id = await with_body(request, lambda tar: request.engine.images.import_archive(tar, wanted))
    else:
        async for _ in request.channel.body():
            continue
        image_id = await while_client_waits(request, lambda: _import_url(request, source, wanted))
    async with streams.json_stream(request) as send:
        await send({"status": image_id})


async def _import_url(request: Request, url: str, wanted: ImportRequest) -> str:
    async with request.engine.builder.scratch() as scratch:
        with (await request.engine.builder.download(url, scratch)).open("rb") as tar:
            return await request.engine.images.import_archive(tar, wanted)


ROUTES: Final = (
    Route("GET", "/images/get", save),
    Route("GET", "/images/{id:path}/get", save),
    Route("POST", "/images/load", load, streams_body=True),
    Route("POST", "/images/create", import_archive, streams_body=True, when="fromSrc"),
)
