"""Health probes: ways to ask a running container whether it is well."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen
class ProbeResult:
    """`exit_code` 0 is well, all else is not. `output` is for people."""

    exit_code: int
    output: str = ""


class ProbeTarget(Protocol):
    """The container that is asked."""

    async def execute(self, command: Sequence[str]) -> ProbeResult:
        """Run *command* in it, as its user and in its environment. Cancelled, the process is killed."""

    async def shell(self, text: str) -> ProbeResult:
        """The same for the container's shell with one text to run."""

    def network(self) -> int:
        """An fd of its network namespace, which the caller closes. Raises: Conflict where it is over."""


@runtime_checkable
class HealthProbe(Protocol):
    """`name` is the first word of a health check's test ("CMD", "HTTP"). Conformance: ck.kernel.testing.probe."""

    name: str

    def check(self, arguments: Sequence[str]) -> None:
        """Raises: InvalidArgument where the rest of the test is nothing this probe can do, with the value."""

    async def probe(self, target: ProbeTarget, arguments: Sequence[str]) -> ProbeResult:
        """Ask once. The engine bounds the time by cancelling."""
