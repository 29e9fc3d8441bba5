"""The engine's own life: who it is, restart, stop."""

from typing import Final

from ck.kernel.api.engine import Instance
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.times import rfc3339
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route


def _instance_json(instance: Instance) -> Json:
    return {"Instance": instance.id, "Pid": instance.pid, "StartedAt": rfc3339(instance.started)}


async def inspect(request: Request) -> Reply:
    return json_reply(_instance_json(request.engine.lifetime.instance()))


async def restart(request: Request) -> Reply:
    """The answer is the engine that goes; the one that comes has another instance."""
    lifetime = request.engine.lifetime
    await lifetime.restart()
    return json_reply(_instance_json(lifetime.instance()))


async def stop(request: Request) -> Reply:
    query, lifetime = request.query, request.engine.lifetime
    await lifetime.stop(containers=query.flag("all"), timeout=query.number("t"))
    return json_reply(_instance_json(lifetime.instance()))


ROUTES: Final = (
    Route("GET", "/ck/engine", inspect),
    Route("POST", "/ck/engine/restart", restart),
    Route("POST", "/ck/engine/stop", stop),
)
