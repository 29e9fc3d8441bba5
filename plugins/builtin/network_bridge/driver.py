"""The network driver `bridge`."""

import errno
import hashlib
import logging
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs
import trio

from ck.kernel.drivers.network import (
    Addressing,
    Endpoint,
    EndpointConfig,
    Held,
    NetworkConfig,
    PortRequest,
    PublishedPort,
    Sandbox,
)
from ck.kernel.drivers.orphan import Orphan
from ck.kernel.errors import CkError, Unavailable
from ck.kernel.linux.nftables.connection import monitor
from ck.plugins.builtin.network_bridge import links
from ck.plugins.builtin.network_bridge._names import bridge_name, engine_tag
from ck.plugins.builtin.network_bridge._options import DriverOptions, read_network_options
from ck.plugins.builtin.network_bridge._ruleset import BridgeRules, Pairs, pairs_of
from ck.plugins.builtin.network_bridge.conntrack import forget_udp
from ck.plugins.builtin.network_bridge.explain import explain
from ck.plugins.builtin.network_bridge.firewall import Firewall
from ck.plugins.builtin.network_bridge.ports import Ports
from ck.plugins.builtin.network_bridge.proxy import Proxy

log: Final = logging.getLogger(__name__)
T = TypeVar("T")
_DEFAULT_NETWORK: Final = "bridge"
_CALM_SECONDS: Final = 0.05
"""For how long changes of nftables are gathered before the table is looked at."""


@attrs.define
class _Attachment:
    link: str  # the host's end
    endpoint: Endpoint


class BridgeNetwork:
    """See NetworkDriver. The books are in memory; links carry whose they are, and the engine's records say the rest.

    Every method does its work in one worker thread; `_lock` is held only where bridges are made and removed.
    """

    name = "bridge"
    sandbox = Sandbox.OWN
    addressing = Addressing.ENGINE

    def __init__(self, options: DriverOptions) -> None:
        self._options = options
        self._tag, self._marker = "", Path()  # whose links are ours; whether there may be some
        self._firewall: Firewall | None = None
        self._proxy = Proxy()
        self._ports = Ports(self._proxy)
        self._ports_lock = threading.Lock()
        self._bridges: dict[str, str] = {}  # network ID to link name
        self._bridges_lock = threading.Lock()
        self._attached: dict[tuple[str, str], _Attachment] = {}
        self._published: dict[tuple[str, str], Endpoint] = {}  # to where the ports lead

    def check(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""
        read_network_options(network)

    async def run(self, state: Path, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """See NetworkDriver."""
        self._tag, self._marker = engine_tag(state), state / "links"
        self._firewall = Firewall(
            self._options.table,
            state / "table",
            self._books,
            respect_host=self._options.published_ports == "respect-host",
        )
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._proxy.run)
                nursery.start_soon(self._guard_table)
                task_status.started()
        finally:
            self._ports.close()
            self._firewall.close()

    async def _guard_table(self) -> None:
        """Have the table back where somebody removes it, `nft flush ruleset` above all."""
        try:
            watched = monitor()
        except OSError as error:
            # No reason for an engine not to start: whoever asks for a bridge is told then.
            log.warning("nftables cannot be used on this host: %s", error.strerror)
            return
        with watched as watching:
            while True:
                await trio.lowlevel.wait_readable(watching)
                await trio.sleep(_CALM_SECONDS)
                _drain(watching)
                try:
                    if await trio.to_thread.run_sync(self._rules.restore):
                        log.warning("somebody removed the table %s of nftables; it is there again", self._options.table)
                except (OSError, CkError) as error:
                    log.error("the table %s of nftables cannot be kept: %s", self._options.table, error)

    @property
    def _rules(self) -> Firewall:
        assert self._firewall is not None, "the driver does not run"
        return self._firewall

    async def create(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""
        await _in_thread(lambda: self._bridge_of(network))

    def _bridge_of(self, network: NetworkConfig) -> str:
        """The link of *network*, made if it is not there."""
        with self._bridges_lock:
            if (name := self._bridges.get(network.id)) is None:
                name = self._make_bridge(network)
                self._rules.add_bridge(_rules_of(network, name))
                self._bridges[network.id] = name
            return name

    def _make_bridge(self, network: NetworkConfig) -> str:
        name = self._link_name(network)
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()
        links.make_bridge(name, network, read_network_options(network), self._tag)
        return name

    def _link_name(self, network: NetworkConfig) -> str:
        if asked := read_network_options(network).bridge:
            return asked
        return self._options.bridge if network.name == _DEFAULT_NETWORK else bridge_name(network.id)

    async def remove(self, network: NetworkConfig) -> None:
        """See NetworkDriver."""

        def work() -> None:
            with self._bridges_lock:
                if (name := self._bridges.pop(network.id, None)) is not None:
                    links.remove_link(name)
                    self._rules.remove_bridge(name)

        await _in_thread(work)

    async def attach(self, network: NetworkConfig, endpoint: EndpointConfig, netns: int | None) -> Endpoint:
        """See NetworkDriver."""
        assert netns is not None
        return await _in_thread(lambda: self._attach(network, endpoint, netns))

    def _attach(self, network: NetworkConfig, config: EndpointConfig, netns: int) -> Endpoint:
        key = (network.id, config.container_id)
        if (known := self._attached.get(key)) is not None:
            links.configure(network, config, netns)
            return known.endpoint
        bridge = self._bridge_of(network)
        link, mac = links.plug(bridge, network, read_network_options(network), config, netns, self._tag)
        endpoint = _endpoint(network, config, mac)
        self._attached[key] = _Attachment(link, endpoint)
        return endpoint

    async def detach(self, network: NetworkConfig, container_id: str, netns: int | None) -> None:
        """See NetworkDriver."""
        attachment = self._attached.pop((network.id, container_id), None)
        if attachment is None and (network.id, container_id) not in self._published:
            return

        def work() -> None:
            self._unpublish(network, container_id)
            # Else it goes with its namespace: to remove it would take the kernel 20 ms.
            if attachment is not None and netns is not None:
                links.remove_link(attachment.link)

        await _in_thread(work)

    async def publish(
        self, network: NetworkConfig, container_id: str, endpoint: Endpoint, ports: Sequence[PortRequest]
    ) -> Sequence[PublishedPort]:
        """See NetworkDriver."""
        return await _in_thread(lambda: self._publish(network, container_id, endpoint, ports))

    def _publish(
        self, network: NetworkConfig, container_id: str, endpoint: Endpoint, ports: Sequence[PortRequest]
    ) -> Sequence[PublishedPort]:
        key = (network.id, container_id)
        self._bridge_of(network)
        with self._ports_lock:
            old = self._pairs(key)
            chosen = self._ports.reserve(network.id, container_id, ports, read_network_options(network).host_ip)
            before = self._published.pop(key, None)
            try:
                self._rules.publish(old, pairs_of(chosen, endpoint))
                self._ports.carry(network.id, container_id, endpoint)
            except BaseException:
                if before is None:
                    self._ports.release(network.id, container_id)
                else:
                    self._published[key] = before
                raise
            self._published[key] = endpoint
        _forget_udp(chosen)
        return chosen

    async def unpublish(self, network: NetworkConfig, container_id: str) -> None:
        """See NetworkDriver."""
        if (network.id, container_id) in self._published:
            await _in_thread(lambda: self._unpublish(network, container_id))

    def _unpublish(self, network: NetworkConfig, container_id: str) -> None:
        key = (network.id, container_id)
        with self._ports_lock:
            if key not in self._published:
                return
            gone, pairs = self._ports.of(*key), self._pairs(key)
            del self._published[key]
            self._rules.publish(pairs, {})
            self._ports.release(*key)
        _forget_udp(gone)

    def _pairs(self, key: tuple[str, str]) -> Pairs:
        """The elements that publish the ports of a container. Not kept: ten thousand take megabytes."""
        endpoint = self._published.get(key)
        return {} if endpoint is None else pairs_of(self._ports.of(*key), endpoint)

    def _books(self) -> Iterator[Pairs]:
        for key in list(self._published):
            yield self._pairs(key)

    async def endpoints(self, network: NetworkConfig) -> Sequence[str]:
        """See NetworkDriver."""
        found = [*self._attached, *self._published]
        return list(dict.fromkeys(container_id for network_id, container_id in found if network_id == network.id))

    async def explain(self, protocol: str, host_port: int) -> Sequence[str]:
        """See NetworkDriver."""
        return await _in_thread(lambda: self._explain(protocol, host_port))

    def _explain(self, protocol: str, host_port: int) -> Sequence[str]:
        leading = self._ports.leading(protocol, host_port)
        if not leading:
            return ()
        lines = [
            f"{port.host_ip if ':' not in port.host_ip else f'[{port.host_ip}]'}:{host_port}/{protocol} leads to port "
            f"{port.container_port} of container {container_id[:12]}"
            for container_id, port in leading
        ]
        if protocol == "sctp":
            return [*lines, "what becomes of a packet is not tried with SCTP"]
        outside = [port.host_ip for _, port in leading if ":" not in port.host_ip and port.host_ip != "127.0.0.1"]
        if not outside:
            return [*lines, "it is not published on an IPv4 address that others reach"]
        verdicts = explain("" if outside[0] == "0.0.0.0" else outside[0], host_port, protocol)
        lines.append("a packet from another machine, by a link that no rule names, is")
        return lines + [f"  {verdict.text()}" for verdict in verdicts]

    async def reconcile(self, networks: Sequence[NetworkConfig], held: Sequence[Held]) -> Sequence[Held]:
        """See NetworkDriver."""
        return await _in_thread(lambda: self._reconcile(networks, held))

    async def orphans(self, known: Collection[str]) -> Sequence[Orphan]:
        """See OrphanKeeper: links of this engine."""
        return await _in_thread(lambda: self._orphans(frozenset(known)))

    def _orphans(self, known: frozenset[str]) -> Sequence[Orphan]:
        return [
            Orphan(kind="network link", name=link.name, holder=link.alias.text())
            for link in (links.our_links(self._tag) if self._marker.exists() else ())
            if (link.alias.container_id or link.alias.network_id) not in known
            and link.name not in self._bridges.values()
        ]

    async def remove_orphan(self, orphan: Orphan) -> None:
        """See OrphanKeeper."""
        await _in_thread(lambda: links.remove_link(orphan.name))

    def _reconcile(self, networks: Sequence[NetworkConfig], held: Sequence[Held]) -> Sequence[Held]:
        known = {network.id: network for network in networks}
        mine = {(each.network.id, each.container_id): each for each in held}
        # An engine that has never made a link need not look for any, nor load what that takes (pyroute2).
        for link in links.our_links(self._tag) if self._marker.exists() else ():
            network_id, container_id = link.alias.network_id, link.alias.container_id
            if not container_id and network_id in known:
                continue
            if (one := mine.get((network_id, container_id))) is not None:
                self._attached[network_id, container_id] = _Attachment(link.name, one.endpoint)
                continue
            links.remove_link(link.name)
        needed = [network for network in networks if network.name != _DEFAULT_NETWORK]
        needed += list(
            {each.network.id: each.network for each in held if each.network.name == _DEFAULT_NETWORK}.values()
        )
        for network in needed:
            self._bridges[network.id] = self._make_bridge(network)
        for key, each in mine.items():
            if each.ports:
                for complaint in self._ports.hold(*key, each.ports):
                    log.error("container %s: %s", each.container_id[:12], complaint)
                self._published[key] = each.endpoint
        # The rules as a whole, in one transaction: no packet meets half of them.
        rules = [_rules_of(network, self._bridges[network.id]) for network in needed]
        self._rules.reset(rules)
        for key, each in mine.items():
            self._ports.carry(*key, each.endpoint)
        return [each for key, each in mine.items() if key not in self._attached]


def _rules_of(network: NetworkConfig, link: str) -> BridgeRules:
    options = read_network_options(network)
    return BridgeRules(
        name=link,
        subnets=tuple(subnet.prefix for subnet in network.subnets),
        internal=network.internal,
        icc=options.icc,
        masquerade=options.masquerade,
    )


def _endpoint(network: NetworkConfig, config: EndpointConfig, mac: str) -> Endpoint:
    subnet4, subnet6 = network.subnet(4), network.subnet(6)
    return Endpoint(
        network_id=network.id,
        endpoint_id=hashlib.sha256(f"{network.id} {config.container_id}".encode()).hexdigest(),
        interface=config.interface,
        mac_address=mac,
        ipv4_address=config.ipv4_address,
        ipv4_prefix=links.prefix_length(subnet4) if subnet4 else 0,
        ipv4_gateway=subnet4.gateway if subnet4 else "",
        ipv6_address=config.ipv6_address,
        ipv6_prefix=links.prefix_length(subnet6) if subnet6 else 0,
        ipv6_gateway=subnet6.gateway if subnet6 else "",
    )


def _forget_udp(ports: Iterable[PublishedPort]) -> None:
    for number in {port.host_port for port in ports if port.protocol == "udp"}:
        try:
            forget_udp(number)
        except OSError as error:
            log.warning("what is tracked of UDP port %d cannot be forgotten: %s", number, error.strerror)


def _drain(watching: socket.socket) -> None:
    while True:
        try:
            watching.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more than the buffer holds has changed: all the same to us
                raise


async def _in_thread(work: Callable[[], T]) -> T:
    """Raises: Unavailable for what the kernel refuses."""
    try:
        return await trio.to_thread.run_sync(work)
    except OSError as error:
        raise Unavailable(f"the kernel refused a change of its networks: {error.strerror or error}") from error
