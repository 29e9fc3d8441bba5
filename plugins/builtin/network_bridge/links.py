"""Bridges, and the veth pairs that plug containers into them. Everything blocks: for worker threads."""

import fcntl
import hashlib
import socket
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from ck.kernel.drivers.network import EndpointConfig, NetworkConfig, Subnet
from ck.kernel.errors import Conflict
from ck.kernel.linux.netns import inside
from ck.plugins.builtin.network_bridge._names import Alias, mac_address, parse_alias, veth_name
from ck.plugins.builtin.network_bridge._options import NetworkOptions
from ck.plugins.builtin.network_bridge.routing import (
    RouteSocket,
    add_address,
    add_bridge,
    add_veth,
    default_route,
    delete_link,
    is_gone,
    set_alias,
    set_port,
    set_up,
)

_SIOCGIFMTU: Final = 0x8921
_DEFAULT_MTU: Final = 1500


@attrs.frozen(kw_only=True)
class Link:
    """A link of the host that an engine made."""

    name: str
    index: int
    alias: Alias


def our_links(tag: str) -> Sequence[Link]:
    """All links of the engine with *tag*."""
    with RouteSocket() as route:
        return [link for link in _tagged(route) if link.alias.tag == tag]


def _tagged(route: RouteSocket) -> Iterator[Link]:
    for message in route.links():
        alias = parse_alias(message.get_attr("IFLA_IFALIAS") or "")
        if alias is not None:
            yield Link(name=message.get_attr("IFLA_IFNAME"), index=message["index"], alias=alias)


def make_bridge(name: str, network: NetworkConfig, options: NetworkOptions, tag: str) -> None:
    """Make the bridge of *network* with the gateway's addresses, or find it made.

    Raises: Conflict where a link of that name is somebody else's.
    """
    alias = Alias(tag, network.id)
    with RouteSocket() as route:
        if (index := _index(name)) is None:
            mtu = options.mtu or uplink_mtu()
            # In one go, so that there is never a bridge that does not say whose it is.
            route.send([add_bridge(name, _bridge_mac(network.id), mtu), set_alias(name, alias.text())])
            index = socket.if_nametoindex(name)
        elif not any(link.name == name and link.alias == alias for link in _tagged(route)):
            raise Conflict(f"network {network.name} cannot have the bridge {name}: this host has a link of that name")
        _set_sysctls(name)
        route.send([add_address(index, subnet.gateway, prefix_length(subnet)) for subnet in network.subnets])


def _set_sysctls(bridge: str) -> None:
    ipv6 = Path("/proc/sys/net/ipv6/conf")
    # 127.0.0.1:8080 is rewritten to a container's address: its answers come from there to 127.0.0.1.
    Path("/proc/sys/net/ipv4/conf", bridge, "route_localnet").write_text("1")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    if not ipv6.exists():
        return
    # No container shall tell this host its routes.
    Path(ipv6, bridge, "accept_ra").write_text("0")
    if (forwarding := Path(ipv6, "all/forwarding")).read_text().strip() == "0":
        # Who forwards does not listen to routers, unless told so: the host keeps the routes that it has from them.
        for device in ipv6.iterdir():
            if (accepts := device / "accept_ra").read_text().strip() == "1":
                accepts.write_text("2")
        forwarding.write_text("1")


def remove_link(name: str) -> None:
    """Gone already is success."""
    with RouteSocket() as route:
        try:
            route.send([delete_link(name)])
        except OSError as error:
            if not is_gone(error):
                raise


def plug(
    bridge: str, network: NetworkConfig, options: NetworkOptions, endpoint: EndpointConfig, netns: int, tag: str
) -> tuple[str, str]:
    """Give the namespace *netns* an interface in the bridge; return the name of the host's end and the MAC address."""
    name = veth_name()
    mac = endpoint.mac_address or mac_address(endpoint.ipv4_address)
    alias = Alias(tag, network.id, endpoint.container_id).text()
    with RouteSocket() as route:
        index = socket.if_nametoindex(bridge)
        mtu = options.mtu or _mtu(bridge)
        route.send(
            [
                add_veth(name, index, endpoint.interface, mac, mtu, netns),
                set_port(name, alias, isolated=not options.icc),
            ]
        )
    try:
        configure(network, endpoint, netns)
    except BaseException:
        remove_link(name)
        raise
    return name, mac


def configure(network: NetworkConfig, endpoint: EndpointConfig, netns: int) -> None:
    """Addresses, up, and the default routes that belong here. Idempotent."""
    with inside(netns), RouteSocket() as route:
        index = socket.if_nametoindex(endpoint.interface)
        # Announced when it comes up: neighbours may remember the address from a container before.
        Path("/proc/sys/net/ipv4/conf", endpoint.interface, "arp_notify").write_text("1")
        if endpoint.ipv6_address:
            Path("/proc/sys/net/ipv6/conf", endpoint.interface, "ndisc_notify").write_text("1")
        messages = []
        routes = []
        for version, address, is_default in (
            (4, endpoint.ipv4_address, endpoint.default4),
            (6, endpoint.ipv6_address, endpoint.default6),
        ):
            subnet = network.subnet(version)
            if subnet is not None and address:
                messages.append(add_address(index, address, prefix_length(subnet)))
                if is_default:
                    routes.append(default_route(index, subnet.gateway))
        route.send([*messages, set_up(index), *routes])


def uplink_mtu() -> int:
    """Of the device that the default route leaves by: what is larger would not get out."""
    for version in ("route", "ipv6_route"):
        device = _default_device(version)
        if device:
            return _mtu(device)
    return _DEFAULT_MTU


def _default_device(table: str) -> str:
    try:
        lines = Path("/proc/net", table).read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if table == "route" and len(fields) > 7 and fields[1] == fields[7] == "00000000":
            return fields[0]
        if table == "ipv6_route" and len(fields) > 9 and fields[1] == "00" and fields[9] != "lo":
            return fields[9]
    return ""


def _mtu(device: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        answer = fcntl.ioctl(control, _SIOCGIFMTU, struct.pack("16sI20x", device.encode(), 0))
    return int(struct.unpack("16sI20x", answer)[1])


def _bridge_mac(network_id: str) -> str:
    """Its own (locally administered) and always the same: neighbours of before a restart of the host stay right."""
    digest = hashlib.sha256(f"ck bridge {network_id}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (digest[0] & 0xFC | 0x02, *digest[1:6]))


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def prefix_length(subnet: Subnet) -> int:
    """In bits."""
    return int(subnet.prefix.rpartition("/")[2])
