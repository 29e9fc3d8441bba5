"""The noun `engine`: its own beginning and end."""

import os
import secrets
import socket
from typing import Final

from ck.kernel.api.engine import Instance
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.shutdown import stop_all
from ck.kernel.errors import InvalidArgument
from ck.kernel.events import Noun
from ck.kernel.linux.listen_fds import Listener, inherited_listeners

_OURS: Final = "ck-engine"
"""The name of a listening socket that an engine before has opened."""


class Lifetime:
    """ck.kernel.api.engine.Lifetime."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._instance = Instance(id=secrets.token_hex(8), pid=os.getpid(), started=now())
        self._inherited = {each.socket.getsockname(): each for each in inherited_listeners()}
        # Those of a service manager, by path: it goes on listening there when no engine does.
        self._managed = {path: each.name for path, each in self._inherited.items() if each.name != _OURS}

    def instance(self) -> Instance:
        return self._instance

    async def restart(self) -> None:
        await self._leave("restart", restart=True)

    async def stop(self, *, containers: bool = False, timeout: float | None = None) -> None:
        if timeout is not None and timeout < 0:
            raise InvalidArgument(f"invalid timeout {timeout:g}: it cannot be negative")
        if containers:
            await stop_all(self._ctx, timeout if timeout is not None else self._ctx.config.default.shutdown_timeout)
        await self._leave("stop")

    def take_over(self, path: str) -> socket.socket | None:
        found = self._inherited.pop(path, None)
        return found.socket if found is not None else None

    def hand_over(self, listener: socket.socket) -> bool:
        managed = self._managed.get(listener.getsockname())
        if self._ctx.farewell.restart:
            self._ctx.farewell.sockets.append(Listener(listener.dup(), _OURS if managed is None else managed))
        return self._ctx.farewell.restart or managed is not None

    async def _leave(self, action: str, *, restart: bool = False) -> None:
        ctx = self._ctx
        await ctx.store.commit([], [ctx.event(Noun.ENGINE, action, ctx.engine_id, {"name": ctx.host_name})])
        ctx.farewell.restart = restart
        ctx.farewell.asked.set()
