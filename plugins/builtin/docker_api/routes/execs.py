"""Exec sessions: create, start, resize, inspect."""

from typing import Final

from ck.kernel.drivers.runtime import AttachRequest, TerminalSize
from ck.plugins.builtin.docker_api import streams, versions
from ck.plugins.builtin.docker_api._shapes.detach_keys import parse_detach_keys
from ck.plugins.builtin.docker_api._shapes.exec import START, exec_json, exec_spec
from ck.plugins.builtin.docker_api.exchange import EMPTY, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.routes.container_verbs import terminal_size


async def create(request: Request) -> Reply:
    spec = exec_spec(request.json())
    parse_detach_keys(spec.detach_keys)  # malformed ones are told now, not in the middle of a session
    return json_reply({"Id": await request.engine.execs.create(request.id, spec)}, 201)


async def start(request: Request) -> Reply | None:
    engine, options = request.engine, START.load(request.json(), "")
    session = await engine.execs.check_startable(request.id)
    spec = session.spec
    rows, columns = options.get("console_size") or spec.console_size
    size = TerminalSize(rows=rows, columns=columns) if rows and columns else None
    if options.get("detach"):
        await engine.execs.start(session.id, None, size)
        return EMPTY
    status = streams.wants_status(request)
    framed = status or not spec.tty
    taken = await request.channel.hijack(versions.stream_type(request.version, tty=not framed))
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
        await engine.execs.start(session.id, wanted, size)
    return None


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
)
