"""The network driver `none`: a network namespace with nothing in it but loopback, which the runtime brings up."""

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


class NoneNetwork:
    """See NetworkDriver. It holds nothing, so there is nothing to undo or to recover."""

    name = "none"
    addressing = Addressing.NONE
    sandbox = Sandbox.EMPTY

    def __init__(self, options: Options) -> None:
        for option in options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver none")

    def check(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""
        if network.name != self.name:
            raise Forbidden(f"network {network.name!r} cannot be made: there is only one network of the driver none")
        for option in network.options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver none")

    async def run(self, state: Path, *, task_status: "trio.TaskStatus[None]") -> None:
        """See NetworkDriver."""
        del state
        task_status.started()

    async def create(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""

    async def remove(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """See NetworkDriver. Raises: InvalidArgument for an address: there is no interface to have it."""
        del netns  # it stays as the runtime made it
        for address in (endpoint.ipv4_address, endpoint.ipv6_address, endpoint.mac_address):
            if address:
                raise InvalidArgument(f"address {address} cannot be given: network none has no interface")
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


@hookimpl
def ck_register_network() -> Mapping[str, Callable[[Options], NetworkDriver]]:
    """Offer `none`. It has no options."""
    return {"none": NoneNetwork}
