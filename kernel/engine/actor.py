"""One actor per container: its operations run one after another, those of other containers in parallel.

An operation runs in the engine's nursery, not in the caller's task: a client that hangs up in the middle of a start
leaves a whole start behind, never half of one.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import trio

T = TypeVar("T")


@attrs.define
class _Mailbox:
    lock: trio.Lock = attrs.field(factory=trio.Lock)
    jobs: int = 0


class Actors:
    """Actors come to be with their first job and are forgotten after their last."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._mailboxes: dict[str, _Mailbox] = {}

    async def run(self, container_id: str, job: Callable[[], Awaitable[T]]) -> T:
        """Queue *job*, wait for its end and return or raise what it did.

        Cancelling the wait does not cancel the job.
        """
        results: list[T] = []
        errors: list[Exception] = []
        done = trio.Event()

        async def work() -> None:
            try:
                async with mailbox.lock:  # FIFO
                    results.append(await job())
            except Exception as error:  # handed to the caller below
                errors.append(error)
            finally:
                mailbox.jobs -= 1
                if not mailbox.jobs:
                    self._mailboxes.pop(container_id, None)
                done.set()

        mailbox = self._mailboxes.setdefault(container_id, _Mailbox())
        mailbox.jobs += 1
        self._nursery.start_soon(work)
        await done.wait()
        if errors:
            raise errors[0]
        if not results:
            # The nursery was cancelled: the engine is going down, and the caller with it.
            await trio.sleep_forever()
        return results[0]
