"""Docker's probes: a command, and a text for the shell."""

from collections.abc import Sequence

from ck.kernel.drivers.probe import ProbeResult, ProbeTarget
from ck.kernel.errors import InvalidArgument


class CommandProbe:
    """See HealthProbe. The test is `["CMD", "curl", "-f", "http://localhost/"]`."""

    name = "CMD"

    def check(self, arguments: Sequence[str]) -> None:
        """See HealthProbe."""
        _check_command(self.name, arguments)

    async def probe(self, target: ProbeTarget, arguments: Sequence[str]) -> ProbeResult:
        """See HealthProbe."""
        return await target.execute(arguments)


class ShellProbe:
    """See HealthProbe. The test is `["CMD-SHELL", "curl -f http://localhost/ || exit 1"]`."""

    name = "CMD-SHELL"

    def check(self, arguments: Sequence[str]) -> None:
        """See HealthProbe."""
        _check_command(self.name, arguments)

    async def probe(self, target: ProbeTarget, arguments: Sequence[str]) -> ProbeResult:
        """See HealthProbe."""
        return await target.shell(" ".join(arguments))


def _check_command(name: str, arguments: Sequence[str]) -> None:
    if not arguments or not arguments[0]:
        raise InvalidArgument(f"the health check {name} needs a command, not {list(arguments)!r}")
