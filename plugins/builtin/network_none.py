"""The network driver `none`: a network namespace with nothing in it but loopback, which the runtime brings up."""

from collections.abc import Callable, Mapping, Sequence

from ck.kernel.drivers.network import Endpoint, EndpointConfig, NetworkConfig, NetworkDriver, Sandbox
from ck.kernel.errors import Forbidden, InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl


class NoneNetwork:
    """See NetworkDriver. It holds nothing, so there is nothing to undo or to recover."""

    name = "none"
    sandbox = Sandbox.OWN

    def __init__(self, options: Options) -> None:
        for option in options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver none")

    def check(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""
        if network.name != self.name:
            raise Forbidden(f"network {network.name!r} cannot be made: there is only one network of the driver none")
        for option in network.options:
            raise InvalidArgument(f"unknown option {option!r} for the network driver none")

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """See NetworkDriver. Raises: InvalidArgument for an address: there is no interface to have it."""
        del netns  # it stays as the runtime made it
        for address in (endpoint.ipv4_address, endpoint.ipv6_address, endpoint.mac_address):
            if address:
                raise InvalidArgument(f"address {address} cannot be given: network none has no interface")
        return Endpoint(network_id=network.id)

    async def detach(self, network: NetworkConfig, container_id: str) -> None:
        """See NetworkDriver."""

    async def endpoints(self, network: NetworkConfig) -> Sequence[str]:
        """See NetworkDriver."""
        del network
        return ()


@hookimpl
def ck_register_network() -> Mapping[str, Callable[[Options], NetworkDriver]]:
    """Offer `none`. It has no options."""
    return {"none": NoneNetwork}
