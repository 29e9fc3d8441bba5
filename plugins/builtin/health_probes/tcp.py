"""The probe TCP: a port takes connections."""

from collections.abc import Sequence

from ck.kernel.drivers.probe import ProbeResult, ProbeTarget
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.health_probes._address import parse_address
from ck.plugins.builtin.health_probes._connect import connected


class TcpProbe:
    """See HealthProbe. The test is `["TCP", "3306"]`."""

    name = "TCP"

    def check(self, arguments: Sequence[str]) -> None:
        """See HealthProbe."""
        if len(arguments) != 1:
            raise InvalidArgument(f"the health check TCP takes one port or HOST:PORT, not {list(arguments)!r}")
        parse_address(arguments[0])

    async def probe(self, target: ProbeTarget, arguments: Sequence[str]) -> ProbeResult:
        """See HealthProbe."""
        try:
            async with connected(target, parse_address(arguments[0])):
                return ProbeResult(0, f"{arguments[0]} takes connections")
        except OSError as error:
            return ProbeResult(1, f"{arguments[0]}: {error.strerror}")
