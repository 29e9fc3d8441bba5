"""Network drivers: how a container's network namespace comes to be, and what is in it."""

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs
import trio


class Sandbox(enum.StrEnum):
    """Which network namespace the containers of a driver get."""

    OWN = "own"  # a new one for each container, which the driver fills
    EMPTY = "empty"  # a new one with nothing in it but loopback
    HOST = "host"  # the host's


class Addressing(enum.StrEnum):
    """Who gives the containers of a driver their addresses."""

    ENGINE = "engine"  # the engine, from subnets that it chooses or the user names
    NONE = "none"  # nobody: there is no interface, or it is not the engine's


@attrs.frozen(kw_only=True)
class Subnet:
    """The addresses of a network in one family, all as text; `prefix` is "172.18.0.0/20".

    `ip_range` ("" for all of `prefix`) is what containers get addresses from that ask for none. `reserved` are
    addresses of others on the network, by name (Docker: AuxiliaryAddresses).
    """

    prefix: str
    gateway: str
    ip_range: str = ""
    reserved: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class NetworkConfig:
    """A network as users make it. `id` is 64 hex digits. `subnets` has at most one of each family."""

    id: str
    name: str
    driver: str
    options: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool = False
    subnets: tuple[Subnet, ...] = ()

    def subnet(self, version: int) -> Subnet | None:
        """The subnet of IP version 4 or 6, None where there is none."""
        return next((each for each in self.subnets if (":" in each.prefix) == (version == 6)), None)


@attrs.frozen(kw_only=True)
class EndpointConfig:
    """What one container shall get of one network; the addresses are chosen already where the engine gives them.

    `interface` is its name inside. `default4` and `default6` say whether the default route of that family goes here.
    """

    container_id: str
    container_name: str
    interface: str = "eth0"
    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""  # "" leaves the choice to the driver
    default4: bool = True
    default6: bool = True
    options: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Endpoint:
    """What the container got, as `inspect` shows it. Prefix lengths are 0 where there is no address."""

    network_id: str
    endpoint_id: str = ""
    interface: str = ""
    mac_address: str = ""
    ipv4_address: str = ""
    ipv4_prefix: int = 0
    ipv4_gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix: int = 0
    ipv6_gateway: str = ""


@attrs.frozen(kw_only=True)
class PortRequest:
    """A port of a container that shall be reached by one of the host.

    `host_ports` are tried in order until one is free; (0,) leaves the choice to the driver. `host_ip` "" is every
    address of the host, in both families.
    """

    protocol: str  # "tcp", "udp", "sctp"
    container_port: int
    host_ip: str = ""
    host_ports: tuple[int, ...] = (0,)


@attrs.frozen(kw_only=True)
class PublishedPort:
    """A port of the host that leads to one of a container. `host_ip` is "0.0.0.0" or "::" for all of a family."""

    protocol: str
    container_port: int
    host_ip: str
    host_port: int
    network_id: str = ""  # of the network over which it leads to the container


@attrs.frozen(kw_only=True)
class Held:
    """What a running container has of a network, as the engine's records say."""

    network: NetworkConfig
    container_id: str
    endpoint: Endpoint
    ports: tuple[PublishedPort, ...] = ()


@runtime_checkable
class NetworkDriver(Protocol):
    """How containers reach a network. Conformance: ck.kernel.testing.network.

    Whatever a driver makes on the host dies with the container's namespace, or carries the container's ID, or is
    among what `reconcile` puts right: the engine may be killed between any two calls.
    """

    name: str
    sandbox: Sandbox
    addressing: Addressing

    def check(self, network: NetworkConfig) -> None:
        """Refuse a network that cannot be.

        Raises: InvalidArgument, naming an option that the driver does not know; Forbidden where users may make none.
        """

    async def run(self, state: Path, *, task_status: "trio.TaskStatus[None]") -> None:
        """Do what must go on all the time, until cancelled; then containers run on. Reports started once the other
        methods may be called, and makes nothing on the host before they are.

        *state* is a directory for the driver on tmpfs, gone after a reboot; it may not be there yet.
        """

    async def create(self, network: NetworkConfig) -> None:
        """Make what the host needs for the network. Idempotent. Raises: Conflict, naming what is in the way."""

    async def remove(self, network: NetworkConfig) -> None:
        """Undo `create`; success where nothing is left."""

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """Join a container, running or not yet, to the network. Idempotent.

        *netns* is an open fd of its namespace with Sandbox.OWN, else None.
        """

    async def detach(self, network: NetworkConfig, container_id: str, netns: int | None) -> None:
        """Undo `attach` and `publish`; success where nothing is left.

        *netns* is None where the namespace is gone, or goes by itself very soon because its last process has ended.
        """

    async def publish(
        self, network: NetworkConfig, container_id: str, endpoint: Endpoint, ports: Sequence[PortRequest]
    ) -> Sequence[PublishedPort]:
        """Make *ports* of the container reachable from outside, all or none of them; before or after `attach`.

        Raises: Conflict, naming the port and who holds it; Unsupported where the driver cannot.
        """

    async def unpublish(self, network: NetworkConfig, container_id: str) -> None:
        """Undo `publish`; success where nothing is left."""

    async def explain(self, protocol: str, host_port: int) -> Sequence[str]:
        """What becomes of a packet from outside to a port of the host, in sentences.

        None where the port is not one that the driver has published.
        """

    async def endpoints(self, network: NetworkConfig) -> Sequence[str]:
        """IDs of the containers for which the driver holds anything on the host, but for dying namespaces."""

    async def reconcile(self, networks: Sequence[NetworkConfig], held: Sequence[Held]) -> Sequence[Held]:
        """After a start of the engine: *networks* are all there are of this driver, and *held* is what containers that
        run have of them, as the records say. Keep that without a packet lost, and remove all else that the driver ever
        made.

        Returns those of *held* that lack their interface, because an engine was killed in the middle of an attach or a
        detach: they are attached again.
        """
