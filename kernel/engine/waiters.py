"""Who waits for a container to end or to be removed."""

import attrs
import trio

from ck.kernel.drivers.runtime import ExitStatus
from ck.kernel.errors import InvalidArgument

CONDITIONS = ("not-running", "next-exit", "removed")


@attrs.define(eq=False)
class Waiter:
    """Armed at once when made: what happens from then on is not missed."""

    _condition: str
    _status: ExitStatus | None = None
    _fired: trio.Event = attrs.field(factory=trio.Event)

    async def wait(self) -> ExitStatus:
        """The exit status that the condition waited for."""
        await self._fired.wait()
        assert self._status is not None
        return self._status

    def fire(self, status: ExitStatus) -> None:
        self._status = status
        self._fired.set()


class Waiters:
    """Waiters by container ID."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[Waiter]] = {}

    def arm(self, container_id: str, condition: str) -> Waiter:
        """Raises: InvalidArgument for a condition that is not one of CONDITIONS."""
        if condition not in CONDITIONS:
            raise InvalidArgument(f"invalid condition {condition!r}: it is one of {', '.join(CONDITIONS)}")
        waiter = Waiter(condition)
        self._waiters.setdefault(container_id, []).append(waiter)
        return waiter

    def disarm(self, container_id: str, waiter: Waiter) -> None:
        waiting = self._waiters.get(container_id, [])
        if waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            self._waiters.pop(container_id, None)

    def exited(self, container_id: str, status: ExitStatus) -> None:
        """The container has ended: tells all but those that wait for its removal."""
        for waiter in self._waiters.get(container_id, []):
            if waiter._condition != "removed":
                waiter.fire(status)

    def removed(self, container_id: str, status: ExitStatus) -> None:
        """The container is gone, so whatever anyone waited for has come."""
        for waiter in self._waiters.pop(container_id, []):
            waiter.fire(status)
