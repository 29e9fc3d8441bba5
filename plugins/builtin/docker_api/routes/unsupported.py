"""Endpoints of Docker that this engine does not serve: said in one sentence, so that a client need not guess."""

from collections.abc import Iterator
from typing import Final

from ck.kernel.errors import Unsupported
from ck.plugins.builtin.docker_api.exchange import Handler, Reply, Request
from ck.plugins.builtin.docker_api.router import Route

_WHAT: Final = {
    "BuildKit's sessions": ("POST /session", "POST /grpc"),
    "attaching by WebSocket": ("GET /containers/{id}/attach/ws",),
    "updating a volume": ("PUT /volumes/{id}",),
    "Docker's plugins": ("GET /plugins",),
}


def _refusal(what: str) -> Handler:
    async def refuse(_: Request) -> Reply:
        raise Unsupported(f"this engine does not support {what}")

    return refuse


def _routes() -> Iterator[Route]:
    for what, endpoints in _WHAT.items():
        refuse = _refusal(what)
        for endpoint in endpoints:
            method, _, pattern = endpoint.partition(" ")
            yield Route(method, pattern, refuse)


ROUTES: Final = tuple(_routes())
