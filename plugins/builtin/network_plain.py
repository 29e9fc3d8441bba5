"""The network drivers that make nothing.

`host`: the container is in the network namespace of the host. `none`: it has one with nothing in it but loopback, which
the runtime brings up.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio

from ck.kernel.drivers.network import (
    Addressing,
    Endpoint,
    EndpointConfig,
    Held,
    NetworkConfig,
    NetworkDriver,
    PortRequest,
    PublishedPort,
    Sandbox,
)
from ck.kernel.errors import Forbidden, InvalidArgument, Unsupported
from ck.kernel.hookspecs import Options, hookimpl


class PlainNetwork:
    """See NetworkDriver. It holds nothing, so there is nothing to undo or to recover.

    *why* ends the sentence by which an address is refused.
    """

    addressing = Addressing.NONE

    def __init__(self, options: Options, name: str, sandbox: Sandbox, why: str) -> None:
        for option in options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver {name}")
        self.name, self.sandbox, self._why = name, sandbox, why

    def check(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""
        if network.name != self.name:
            raise Forbidden(
                f"network {network.name!r} cannot be made: there is only one network of the driver {self.name}"
            )
        for option in network.options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver {self.name}")

    async def run(self, state: Path, *, task_status: "trio.TaskStatus[None]") -> None:
        """See NetworkDriver."""
        del state
        task_status.started()

    async def create(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""

    async def remove(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """See NetworkDriver. Raises: InvalidArgument for an address."""
        del netns  # it stays as it is
        for address in (endpoint.ipv4_address, endpoint.ipv6_address, endpoint.mac_address):
            if address:
                raise InvalidArgument(f"address {address} cannot be given: network {self.name} {self._why}")
        return Endpoint(network_id=network.id)

    async def detach(self, network: NetworkConfig, container_id: str, netns: int | None) -> None:
        """See NetworkDriver."""

    async def publish(
        self, network: NetworkConfig, container_id: str, endpoint: Endpoint, ports: Sequence[PortRequest]
    ) -> Sequence[PublishedPort]:
        """See NetworkDriver. Raises: Unsupported: there is nothing to publish."""
        del container_id, endpoint
        for port in ports:
            raise Unsupported(f"port {port.container_port} cannot be published on network {network.name}")
        return ()

    async def unpublish(self, network: NetworkConfig, container_id: str) -> None:
        """See NetworkDriver."""

    async def explain(self, protocol: str, host_port: int) -> Sequence[str]:
        """See NetworkDriver."""
        del protocol, host_port
        return ()

    async def endpoints(self, network: NetworkConfig) -> Sequence[str]:
        """See NetworkDriver."""
        del network
        return ()

    async def reconcile(self, networks: Sequence[NetworkConfig], held: Sequence[Held]) -> Sequence[Held]:
        """See NetworkDriver."""
        del networks, held
        return ()


def make_host(options: Options) -> NetworkDriver:
    """Raises: InvalidArgument: there are no options."""
    return PlainNetwork(options, "host", Sandbox.HOST, "has the interfaces of the host")


def make_none(options: Options) -> NetworkDriver:
    """Raises: InvalidArgument: there are no options."""
    return PlainNetwork(options, "none", Sandbox.EMPTY, "has no interface")


@hookimpl
def ck_register_network() -> Mapping[str, Callable[[Options], NetworkDriver]]:
    return {"host": make_host, "none": make_none}
