"""Attach: the client's connection becomes the container's streams."""

from typing import Final

from ck.kernel.drivers.runtime import AttachRequest
from ck.plugins.builtin.docker_api import streams, versions
from ck.plugins.builtin.docker_api._shapes.detach_keys import parse_detach_keys
from ck.plugins.builtin.docker_api.exchange import Request
from ck.plugins.builtin.docker_api.router import Route


async def attach(request: Request) -> None:
    query = request.query
    container = await request.engine.containers.check_attachable(request.id)
    keys = parse_detach_keys(query.text("detachKeys"))
    tty = container.config.tty
    # Every error that can be known is told before this, while there is still a status to tell it with.
    taken = await request.channel.hijack(versions.stream_type(request.version, tty=tty))
    wanted = AttachRequest(
        stream=taken.socket,
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        initial=taken.initial,
        detach_keys=keys,
    )
    async with streams.told_on_stream(request, taken, framed=not tty):
        await request.engine.containers.attach(
            container.id, wanted, logs=query.flag("logs"), stream=query.flag("stream")
        )


ROUTES: Final = (Route("POST", "/containers/{id}/attach", attach),)
