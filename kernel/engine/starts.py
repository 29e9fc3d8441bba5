"""`start` as users ask for it: from a name to a container that runs, with all that it depends on."""

from collections.abc import Awaitable, Callable

import attrs

from ck.kernel.api.container import Container
from ck.kernel.engine.container_remove import remove_container
from ck.kernel.engine.context import Context
from ck.kernel.engine.dependency_waits import meet_dependencies
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CkError, Conflict
from ck.kernel.lifecycle import ACTIVE, State

Launch = Callable[[Container], Awaitable[None]]
"""Starts a container and has its end watched; its actor calls this."""


class Starts:
    """Looks before it leaps."""

    def __init__(self, ctx: Context, volumes: Volumes, launch: Launch) -> None:
        self._ctx, self._volumes, self._launch = ctx, volumes, launch

    async def start(self, ref: str) -> bool:
        """Start a container, after what it depends on. Return False if it runs already.

        Raises: Conflict, and as ck.kernel.engine.container_start.start does.
        """
        container = self._ctx.find_container(ref)
        if container.state.status not in ACTIVE:
            try:
                await meet_dependencies(self._ctx, container, self.start)
            except CkError as error:
                sentence = str(error)
                await self._ctx.actors.run(container.id, lambda: self._note(container.id, sentence))
                raise
        return await self._ctx.actors.run(container.id, lambda: self._begin(container.id))

    async def _begin(self, container_id: str) -> bool:
        container = self._ctx.find_container(container_id)
        if container.state.status is State.PAUSED:
            raise Conflict(f"cannot start paused container {container.name}: unpause it instead")
        if container.state.status in ACTIVE:
            return False
        fresh = attrs.evolve(container.state, restarts_in_row=0, backoff=0.0)
        try:
            await self._launch(attrs.evolve(container, state=fresh))
        except CkError:
            await self._discard(container.id)
            raise
        return True

    async def _note(self, container_id: str, sentence: str) -> None:
        """Why it was not even tried to start it, for `ck why`."""
        failed = self._ctx.store.containers.get(container_id)
        if failed is not None and failed.state.status not in ACTIVE:
            await self._ctx.save(attrs.evolve(failed, state=attrs.evolve(failed.state, error=sentence)))
        await self._discard(container_id)

    async def _discard(self, container_id: str) -> None:
        """With --rm, a container that could not be started goes."""
        failed = self._ctx.store.containers.get(container_id)
        if failed is not None and failed.host_config.auto_remove and failed.state.status not in ACTIVE:
            await remove_container(self._ctx, self._volumes, failed, anonymous_volumes=True)
