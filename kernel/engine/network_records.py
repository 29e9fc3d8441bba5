"""Which networks there are, and which prefixes are taken: looked up, never changed here."""

import hashlib
import ipaddress
from collections.abc import Sequence

from ck.kernel.api.container import Container, EndpointRequest
from ck.kernel.drivers.network import NetworkConfig, Sandbox
from ck.kernel.engine.address_pools import Prefix, parse_prefix
from ck.kernel.engine.context import Context
from ck.kernel.engine.endpoint_plan import Wish
from ck.kernel.engine.names import by_prefix, container_of
from ck.kernel.engine.predefined import BRIDGE, PREDEFINED, predefined_network
from ck.kernel.errors import InvalidArgument, NotFound
from ck.kernel.linux.routes import host_routes


def networks(ctx: Context) -> Sequence[NetworkConfig]:
    """All that there are: those of the store, and the predefined ones that need no record."""
    stored = [record.config for record in ctx.store.networks]
    names = {network.name for network in stored}
    offered = ctx.plugins.names("network")
    return [predefined_network(name) for name in PREDEFINED if name in offered and name not in names] + stored


def find_network(ctx: Context, ref: str) -> NetworkConfig:
    """By name, ID or unique ID prefix. Raises: NotFound, Conflict."""
    known = {network.id: network for network in networks(ctx)}
    for network in known.values():
        if ref in (network.name, network.id):
            return network
    found = by_prefix(ref, known, "network")
    if found is None:
        raise NotFound(f"network {ref} not found")
    return known[found]


def wishes_of(ctx: Context, container: Container) -> Sequence[Wish]:
    """The networks that *container* shall be on, in order. Raises: NotFound for one that is gone."""
    return [Wish(find_network(ctx, name), request) for name, request in container.networks.items()]


def sandbox_of(ctx: Context, container: Container) -> Sandbox | None:
    """Which namespace *container* gets; None where it is another container's."""
    mode = container.host_config.network_mode
    if container_of(mode) is not None:
        return None
    try:
        network = find_network(ctx, mode)
    except NotFound:
        # It left the network that it was created on, and that is gone: a network that can go gives a namespace of its
        # own. On which others it is, `networks` says.
        return Sandbox.OWN
    return ctx.network_driver(network.driver).sandbox


def has_host_network(ctx: Context, container: Container) -> bool:
    """Whether it has the host's network, perhaps by way of another container."""
    seen = set()
    while (other := container_of(container.host_config.network_mode)) is not None and container.id not in seen:
        seen.add(container.id)
        container = ctx.find_container(other)
    return sandbox_of(ctx, container) is Sandbox.HOST


def normal_requests(ctx: Context, mode: str, asked: dict[str, EndpointRequest]) -> dict[str, EndpointRequest]:
    """What a create says of networks, by their names: first that of the network mode, then the others.

    Raises: NotFound; InvalidArgument for networks that do not go together.
    """
    if container_of(mode) is not None:
        if asked.keys() - {"default", mode}:
            raise InvalidArgument(f"conflicting options: network {next(iter(asked))!r} and the network mode {mode!r}")
        return {}
    first = find_network(ctx, mode)
    # The docker client says "default" for whichever network the mode is.
    named = [first.name if ref == "default" else find_network(ctx, ref).name for ref in asked]
    # Who names networks but no mode is on those only.
    requests = {first.name: EndpointRequest()} if first.name in named or not named or mode != BRIDGE else {}
    requests.update(zip(named, asked.values(), strict=True))
    if len(requests) > 1:
        for name in requests:
            driver = ctx.network_driver(find_network(ctx, name).driver)
            if driver.sandbox is not Sandbox.OWN:
                raise InvalidArgument(f"network {name!r} cannot be combined with other networks")
    return requests


def taken_prefixes(ctx: Context) -> dict[Prefix, str]:
    """Who uses which prefix: the host's routes, and the networks that there are. Blocks for a moment."""
    taken: dict[Prefix, str] = {}
    ours = {parse_prefix(subnet.prefix, "subnet") for network in networks(ctx) for subnet in network.subnets}
    for text, device in host_routes():
        prefix = ipaddress.ip_network(text)
        if prefix not in ours:
            taken[prefix] = f"the route of this host by {device}"
    for network in networks(ctx):
        for subnet in network.subnets:
            taken[parse_prefix(subnet.prefix, "subnet")] = f"network {network.name}"
    return taken


def pools(ctx: Context) -> list[tuple[Prefix, int]]:
    """The address pools of the config. Raises: InvalidArgument for one that cannot be."""
    found: list[tuple[Prefix, int]] = []
    for pool in ctx.config.networking.pools:
        base = parse_prefix(pool.base, "address pool")
        if not base.prefixlen <= pool.size < base.max_prefixlen - 1:
            raise InvalidArgument(f"invalid address pool {pool.base}: it has no subnets of length {pool.size}")
        found.append((base, pool.size))
    if not any(base.version == 6 for base, _ in found):
        # RFC 4193: fd00::/8 and forty bits that nobody else has.
        digest = hashlib.sha256(f"ck pool {ctx.engine_id}".encode()).digest()
        base = ipaddress.IPv6Network((b"\xfd" + digest[:5] + bytes(10), 48))
        found.append((base, 64))
    return found
