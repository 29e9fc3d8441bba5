"""Resolvers: what answers the DNS queries of containers, at 127.0.0.11 in each one's own network namespace."""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import attrs
import trio

RESOLVER_ADDRESS: Final = "127.0.0.11"
"""Docker's, so that what knows Docker finds it."""


@attrs.frozen(kw_only=True)
class Upstream:
    """Whom a resolver asks what it does not know itself.

    `servers` are asked from inside the container's namespace; where there are none, the host's resolvers are asked from
    the host. `forward` False: nobody is asked, because the container shall reach nothing outside. `search` are the
    domains that the container's programs try behind a name.
    """

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    forward: bool = True


class Directory(Protocol):
    """What names mean, for each container. Never blocks."""

    def addresses(self, container_id: str, name: str) -> Sequence[str] | None:
        """The addresses, both families, of *name* (lower case, no final dot) as *container_id* sees it.

        None where no container has that name; then it is for others to say.
        """

    def names(self, container_id: str, address: str) -> Sequence[str] | None:
        """The full names of the container with *address*, None where *container_id* sees none."""

    def covers(self, container_id: str, address: str) -> bool:
        """Whether *address* belongs to a network of *container_id*: then nobody outside knows it better."""


@runtime_checkable
class ResolverDriver(Protocol):
    """Answers the queries of containers."""

    name: str

    async def run(self, directory: Directory, *, task_status: "trio.TaskStatus[None]") -> None:
        """Serve until cancelled; reports started once `serve` may be called."""

    async def serve(self, container_id: str, netns: int, upstream: Upstream) -> None:
        """Answer in the namespace *netns* (an fd, the caller's). Called again, *upstream* is replaced."""

    async def stop(self, container_id: str) -> None:
        """Let go of the container's namespace. Idempotent."""
