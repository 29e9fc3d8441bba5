"""Exec sessions: create, start, resize, inspect."""

from typing import Final

from ck.kernel.api.container import ExecSession
from ck.kernel.drivers.runtime import AttachRequest, TerminalSize
from ck.plugins.builtin.docker_api import streams, versions
from ck.plugins.builtin.docker_api._shapes.detach_keys import parse_detach_keys
from ck.plugins.builtin.docker_api._shapes.exec import START, exec_json, exec_spec
from ck.plugins.builtin.docker_api.exchange import EMPTY, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.routes.container_verbs import terminal_size

SESSION_HEADER: Final = "Ck-Exec"
"""The session's ID, in the head of an attached one."""


async def create(request: Request) -> Reply:
    return json_reply({"Id": await _create(request)}, 201)


async def _create(request: Request) -> str:
    spec = exec_spec(request.json())
    parse_detach_keys(spec.detach_keys)  # malformed ones are told now, not in the middle of a session
    return await request.engine.execs.create(request.id, spec)


async def start(request: Request) -> Reply | None:
    engine, options = request.engine, START.load(request.json(), "")
    session = await engine.execs.check_startable(request.id)
    rows, columns = options.get("console_size") or session.spec.console_size
    size = TerminalSize(rows=rows, columns=columns) if rows and columns else None
    if options.get("detach"):
        await engine.execs.start(session.id, None, size)
        return EMPTY
    await _attach(request, session, size)
    return None


async def create_and_start(request: Request) -> None:
    """Both in one, attached: a client that wants the session at once saves a request."""
    session = await request.engine.execs.get(await _create(request))
    await _attach(request, session, None)


async def _attach(request: Request, session: ExecSession, size: TerminalSize | None) -> None:
    spec = session.spec
    status = streams.wants_status(request)
    framed = status or not spec.tty
    content_type = versions.stream_type(request.version, tty=not framed)
    taken = await request.channel.hijack(content_type, ((SESSION_HEADER, session.id),))
    wanted = AttachRequest(
        stream=taken.socket,
        stdin=spec.attach_stdin,
        stdout=spec.attach_stdout,
        stderr=spec.attach_stderr,
        status=status,
        initial=taken.initial,
        detach_keys=parse_detach_keys(spec.detach_keys),
    )
    async with streams.told_on_stream(request, taken, framed=framed, status=status):
        await request.engine.execs.start(session.id, wanted, size)


async def resize(request: Request) -> Reply:
    await request.engine.execs.resize(request.id, terminal_size(request))
    return EMPTY


async def inspect(request: Request) -> Reply:
    return json_reply(exec_json(await request.engine.execs.get(request.id)))


ROUTES: Final = (
    Route("POST", "/containers/{id}/exec", create),
    Route("POST", "/exec/{id}/start", start),
    Route("POST", "/exec/{id}/resize", resize),
    Route("GET", "/exec/{id}/json", inspect),
    Route("POST", "/ck/containers/{id}/exec", create_and_start),
)
