"""From the head of a request to its handler, with one guard around every handler."""

import logging
from collections.abc import Mapping
from typing import Final

import h11

from ck.kernel.api.engine import Engine
from ck.kernel.errors import CkError
from ck.plugins.builtin.docker_api import errors, versions
from ck.plugins.builtin.docker_api.exchange import Channel, ClientGone, Headers, Query, Reply, Request
from ck.plugins.builtin.docker_api.router import Route, Router
from ck.plugins.builtin.docker_api.routes import ROUTES

log = logging.getLogger(__name__)


class Dispatcher:
    """Shared by all connections of a front end."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine
        self._router: Final = Router(ROUTES)
        self.headers: Final[Headers] = (
            ("Api-Version", versions.spell(versions.NEWEST)),
            ("Docker-Experimental", "false"),
            ("Ostype", "linux"),
            ("Server", f"ck/{versions.ENGINE} (linux)"),
        )

    def find(
        self, method: str, target: str, headers: Mapping[str, str], channel: Channel
    ) -> tuple[Route, Request] | Reply:
        """The route of a request and what its handler gets, but for the body; or the refusal."""
        path, _, query = target.partition("?")
        if not path.startswith("/"):
            # absolute-form, as through a proxy (RFC 9112, 3.2.2)
            path = "/" + path.partition("://")[2].partition("/")[2]
        try:
            asked = Query(query)
            match = self._router.match(method, path, asked)
            request = Request(
                method=method,
                path=path,
                params=match.params,
                query=asked,
                headers=headers,
                version=match.version,
                engine=self._engine,
                channel=channel,
            )
        except (CkError, ValueError) as exc:  # ValueError: more query fields than urllib takes
            return self.refusal(exc)
        return match.route, request

    async def call(self, route: Route, request: Request) -> Reply | None:
        """Run a handler; what it raises becomes a reply. Raises: ClientGone, where nobody is left to read one."""
        try:
            return await route.handler(request)
        except ClientGone:
            raise
        except Exception as exc:
            cause = errors.cause_of(exc)
            if not isinstance(cause, CkError):
                log.exception("%s %s failed", request.method, request.path)
            return Reply(status=errors.status_of(cause), body=errors.error_json(cause))

    def refusal(self, exc: Exception) -> Reply:
        """The answer to a request that reached no handler."""
        if isinstance(exc, h11.RemoteProtocolError):
            return Reply(status=exc.error_status_hint, body=errors.message_json(f"malformed HTTP request: {exc}"))
        if isinstance(exc, CkError):
            return Reply(status=errors.status_of(exc), body=errors.error_json(exc))
        return Reply(status=400, body=errors.message_json(f"malformed request: {exc}"))
