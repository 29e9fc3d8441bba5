"""Network drivers: how a container's network namespace comes to be, and what is in it."""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import attrs


class Sandbox(enum.StrEnum):
    """Which network namespace the containers of a driver get."""

    OWN = "own"  # a new one for each container
    HOST = "host"  # the host's


@attrs.frozen(kw_only=True)
class NetworkConfig:
    """A network as users make it. `id` is 64 hex digits."""

    id: str
    name: str
    driver: str
    options: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool = False


@attrs.frozen(kw_only=True)
class EndpointConfig:
    """What one container asks of one network. Empty values leave the choice to the driver."""

    container_id: str
    container_name: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""


@attrs.frozen(kw_only=True)
class Endpoint:
    """What the container got, as `inspect` shows it. Prefix lengths are 0 where there is no address."""

    network_id: str
    endpoint_id: str = ""
    mac_address: str = ""
    ipv4_address: str = ""
    ipv4_prefix: int = 0
    ipv4_gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix: int = 0
    ipv6_gateway: str = ""


@runtime_checkable
class NetworkDriver(Protocol):
    """How containers reach a network. Conformance: ck.kernel.testing.network."""

    name: str
    sandbox: Sandbox

    def check(self, network: NetworkConfig) -> None:
        """Refuse a network that cannot be.

        Raises: InvalidArgument, naming an option that the driver does not know; Forbidden where users may make none.
        """

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """Join a container to the network. Idempotent.

        *netns* is an open fd of its namespace (None with Sandbox.HOST).
        """

    async def detach(self, network: NetworkConfig, container_id: str) -> None:
        """Undo `attach`; success where nothing is left. The namespace may be gone already."""

    async def endpoints(self, network: NetworkConfig) -> Sequence[str]:
        """IDs of the containers for which the driver holds anything, for recovery."""
