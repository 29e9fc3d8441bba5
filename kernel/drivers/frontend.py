"""Front ends: what listens for users' requests (the Docker Engine API on a unix socket)."""

from typing import Protocol, runtime_checkable

from trio import TASK_STATUS_IGNORED, TaskStatus


@runtime_checkable
class FrontEnd(Protocol):
    """Built by a factory that is handed the engine (ck.kernel.api.engine.Engine)."""

    name: str

    async def serve(self, *, task_status: "TaskStatus[None]" = TASK_STATUS_IGNORED) -> None:
        """Listen, report started once a client can connect, serve until cancelled."""
