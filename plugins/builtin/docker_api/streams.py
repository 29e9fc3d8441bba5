"""Answers that go on: JSON streams, Docker's frames, and the heads of hijacked connections."""

import base64
import logging
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final, cast

from ck.kernel.api.image import Progress
from ck.kernel.drivers.log import LogRecord, Stream
from ck.kernel.drivers.runtime import STATUS_STREAM
from ck.kernel.errors import CkError, StartFailed
from ck.plugins.builtin.docker_api import errors
from ck.plugins.builtin.docker_api._shapes.image import progress_json
from ck.plugins.builtin.docker_api._shapes.times import rfc3339_ns
from ck.plugins.builtin.docker_api.exchange import JSON, ClientGone, Headers, Hijacked, Request, json_bytes

log = logging.getLogger(__name__)

Send = Callable[[object], Awaitable[None]]

STATUS_UPGRADE: Final = "ck-stream"
"""A client that asks to switch to this protocol, in place of "tcp", gets frames also of a terminal, and the exit code
as the last of them (AttachRequest.status)."""

_FRAME: Final = struct.Struct(">B3xL")
_SYSTEM_ERROR: Final = 3  # Docker's number for what the engine itself has to say


def wants_status(request: Request) -> bool:
    """Whether the client asked for STATUS_UPGRADE."""
    return request.headers.get("upgrade") == STATUS_UPGRADE


def frame(stream: int, payload: bytes) -> bytes:
    """One frame of a multiplexed stream: stream number, three zeros, big-endian length, payload."""
    return _FRAME.pack(stream, len(payload)) + payload


def log_chunk(batch: Iterable[LogRecord], *, framed: bool, timestamps: bool, details: bool) -> bytes:
    """A batch of log lines as one piece of the response, one frame a line. `details` would be the log driver's
    attributes; no driver keeps any, so what is left of them is the space that Docker puts after them."""
    pack, pieces = _FRAME.pack, []
    for record in batch:
        line = record.line
        if details:
            line = b" " + line
        if timestamps:
            line = rfc3339_ns(record.time_ns).encode() + b" " + line
        if framed:
            pieces.append(pack(record.stream, len(line)))
        pieces.append(line)
    return b"".join(pieces)


def error_tail(request: Request, exc: BaseException, *, framed: bool) -> bytes:
    """An error for a raw stream whose head is out: a sentence, on stderr where there is one. Bugs are logged."""
    text = _told(request, exc).encode() + b"\r\n"
    return frame(Stream.STDERR, text) if framed else text


def _status_tail(request: Request, exc: BaseException) -> bytes:
    """The same for a client that wants the exit code: 126 or 127 where that is known, else 125, Docker's for errors of
    the engine."""
    cause = errors.cause_of(exc)
    if isinstance(cause, StartFailed):
        code, sentence = cause.exit_code, cause.message
    else:
        code, sentence = 125, _told(request, exc)
    return frame(_SYSTEM_ERROR, sentence.encode()) + frame(STATUS_STREAM, b"%d" % code)


def _told(request: Request, exc: BaseException) -> str:
    cause = errors.cause_of(exc)
    if not isinstance(cause, CkError):
        log.error("%s %s failed after its answer began", request.method, request.path, exc_info=exc)
    return errors.message_of(cause)


@asynccontextmanager
async def json_stream(request: Request) -> AsyncIterator[Send]:
    """Open a stream of JSON documents, and end it with the block: nobody waits for what is cleaned up then. An error
    inside is told as the last of them, since the status is out already."""
    channel = request.channel
    await channel.open_stream(JSON)

    async def send(value: object) -> None:
        await channel.send(json_bytes(value))

    try:
        yield send
    except ClientGone:
        raise
    except Exception as exc:
        message = _told(request, exc)
        await send({"errorDetail": {"message": message}, "error": message})
    await channel.end_stream()


async def progress(request: Request, steps: AsyncIterator[Progress], *, quiet: bool = False) -> None:
    """Tell of *steps* on a JSON stream, with *quiet* only of what they lead to. What fails before the first of them (no
    such image, no access) is still told by a status."""
    # Leaving the generator cancels the work, so it is closed here and not whenever it is collected.
    async with aclosing(cast(AsyncGenerator[Progress, None], steps)):
        first = await anext(steps, None)
        async with json_stream(request) as send:
            if first is not None and not (quiet and first.status):
                await send(progress_json(first))
            async for step in steps:
                if not (quiet and step.status):
                    await send(progress_json(step))


@asynccontextmanager
async def told_on_stream(
    request: Request, taken: Hijacked, *, framed: bool, status: bool = False
) -> AsyncIterator[None]:
    """Around handing over a hijacked connection: an error inside is told on it, and ends it. *status*: see
    `wants_status`."""
    try:
        yield
    except Exception as exc:
        text = _status_tail(request, exc) if status else error_tail(request, exc, framed=framed)
        # One sentence fits into the buffer of a socket that nothing was written to yet. A client that has gone, or a
        # runtime that took the socket and failed later, leaves nobody to tell.
        with suppress(OSError), taken.socket as stream:
            stream.send(text)
            # A runtime that does not answer may hold a copy, and the client waits for the end.
            stream.shutdown(socket.SHUT_RDWR)


def hijack_head(headers: Headers, *, upgrade: str | None) -> bytes:
    """The head after which a connection is a raw stream. *upgrade* is the protocol that the client asked to switch to;
    clients that asked for none get a response without length, which ends with the connection."""
    first = f"101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: {upgrade}" if upgrade else "200 OK"
    rest = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {first}\r\n{rest}\r\n".encode()


def encode_header(value: object) -> str:
    """A JSON document as a header's value (X-Docker-Container-Path-Stat)."""
    return base64.b64encode(json_bytes(value).rstrip()).decode()
