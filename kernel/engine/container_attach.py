"""`attach`: a client's socket goes to the shim, at once or when the container starts."""

import struct
from collections.abc import Sequence

import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.log import LogQuery, LogRecord
from ck.kernel.drivers.runtime import AttachRequest
from ck.kernel.engine import container_info
from ck.kernel.engine.context import Context
from ck.kernel.errors import Conflict
from ck.kernel.lifecycle import ACTIVE, State


def check_attachable(container: Container) -> Container:
    """Raises: Conflict for a paused container."""
    if container.state.status is State.PAUSED:
        raise Conflict(f"container {container.name} is paused: unpause it before you attach")
    return container


async def attach(ctx: Context, container: Container, request: AttachRequest, *, logs: bool, stream: bool) -> None:
    """Hand *request* over; its socket is ours from now on, whatever happens.

    Raises: Conflict for a paused container.
    """
    try:
        check_attachable(container)
        if logs:
            await _replay(ctx, container, request)
        if not stream:
            request.stream.close()
        elif container.state.status in ACTIVE:
            await ctx.run_of(container).runtime.attach(request)
            request.stream.close()  # the shim has a copy
        else:
            ctx.attachments.add(container.id, request)
    except BaseException:
        request.stream.close()
        raise
    await ctx.store.commit([], [ctx.container_event(container, "attach")])


async def _replay(ctx: Context, container: Container, request: AttachRequest) -> None:
    """Write what is in the log so far, as the stream that follows is written: raw for a terminal, else in frames."""
    query = LogQuery(stdout=request.stdout, stderr=request.stderr)
    socket = trio.socket.from_stdlib_socket(request.stream.dup())
    try:
        async for batch in container_info.logs(ctx, container, query):
            data = memoryview(_encode(batch, framed=not container.config.tty))
            while data:
                data = data[await socket.send(data) :]
    finally:
        socket.close()


def _encode(batch: Sequence[LogRecord], *, framed: bool) -> bytes:
    if not framed:
        return b"".join(record.line for record in batch)
    return b"".join(struct.pack(">BxxxL", record.stream, len(record.line)) + record.line for record in batch)
