"""What a container has of its networks: taken before it starts, given back when it has ended, changed while it runs.

The order is the promise: addresses and ports are in the record before the container has them, so that whatever a crash
interrupts, the next engine knows all that there may be.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.network import (
    Addressing,
    Endpoint,
    EndpointConfig,
    NetworkConfig,
    PortRequest,
    PublishedPort,
    Sandbox,
)
from ck.kernel.drivers.resolver import Upstream
from ck.kernel.engine.context import Context
from ck.kernel.engine.endpoint_plan import Wish, dns_names, endpoint_configs, gateway_network
from ck.kernel.engine.etc_network import refresh_etc_files, search_domains, uses_resolver
from ck.kernel.engine.links import parse_link
from ck.kernel.engine.network_records import find_network, sandbox_of, wishes_of
from ck.kernel.engine.port_requests import port_requests
from ck.kernel.errors import NotFound
from ck.kernel.events import Event, Noun
from ck.kernel.linux.netns import new_network_namespace

_UNDO_SECONDS: Final = 30.0


@attrs.frozen(kw_only=True)
class Joined:
    """`namespace` is an fd that the caller closes, None where the runtime makes the namespace or it is shared."""

    endpoints: Mapping[str, Endpoint] = attrs.field(factory=dict)
    ports: tuple[PublishedPort, ...] = ()
    namespace: int | None = None


@attrs.frozen
class Plan:
    """What a container is about to have of one network."""

    wish: Wish
    config: EndpointConfig
    endpoint: Endpoint  # what is known of it before it is there


def reserve(ctx: Context, container: Container) -> Sequence[Plan]:
    """Take addresses on all networks of *container*. Does not wait.

    Raises: NotFound for a network that is gone, Conflict and InvalidArgument for addresses; then nothing is taken.
    """
    wishes = wishes_of(ctx, container)
    try:
        configs = endpoint_configs(container.id, container.name, wishes, {})
        return [_plan(ctx, container.id, wish, config) for wish, config in zip(wishes, configs, strict=True)]
    except BaseException:
        release(ctx, container.id)
        raise


def _plan(ctx: Context, container_id: str, wish: Wish, config: EndpointConfig) -> Plan:
    ctx.memberships.add(container_id, wish.network)
    endpoint = Endpoint(network_id=wish.network.id, interface=config.interface)
    for version, asked in ((4, wish.request.ipv4_address), (6, wish.request.ipv6_address)):
        endpoint = _take(ctx, wish.network, version, container_id, asked, endpoint)
    config = attrs.evolve(config, ipv4_address=endpoint.ipv4_address, ipv6_address=endpoint.ipv6_address)
    return Plan(wish, config, endpoint)


def _take(ctx: Context, network: NetworkConfig, version: int, holder: str, asked: str, endpoint: Endpoint) -> Endpoint:
    book, subnet = ctx.addresses.book(network, version), network.subnet(version)
    if book is None or subnet is None:
        if asked and ctx.network_driver(network.driver).addressing is Addressing.ENGINE:
            raise NotFound(f"network {network.name} has no subnet of IPv{version} to take {asked} from")
        return endpoint
    address = book.take(holder, asked)
    if version == 4:
        return attrs.evolve(endpoint, ipv4_address=address, ipv4_prefix=book.length, ipv4_gateway=subnet.gateway)
    return attrs.evolve(endpoint, ipv6_address=address, ipv6_prefix=book.length, ipv6_gateway=subnet.gateway)


def release(ctx: Context, container_id: str, network_id: str = "") -> None:
    """Give back what is only in memory, on one network or on all. Does not wait."""
    for network in ctx.memberships.of(container_id):
        if network_id in ("", network.id):
            ctx.directory.leave(network.id, container_id)
            ctx.addresses.free(network.id, container_id)
            ctx.memberships.drop(container_id, network.id)


async def join(ctx: Context, container: Container, plans: Sequence[Plan], own: int | None = None) -> Joined:
    """Publish its ports and make its namespace with all its interfaces, from what `reserve` took. *own* is a namespace
    (an fd, the caller's) that was made for it already, with its users.

    Raises: Conflict for a port that is taken, and what drivers raise; undo it by `leave`.
    """
    sandbox = sandbox_of(ctx, container)
    if sandbox is None:
        return Joined()
    if sandbox is not Sandbox.OWN:
        return Joined(
            namespace=own if sandbox is Sandbox.EMPTY else None,
            endpoints={
                plan.wish.network.name: await ctx.network_driver(plan.wish.network.driver).attach(
                    plan.wish.network, plan.config, None
                )
                for plan in plans
            },
        )
    ports = await _publish(
        ctx, container, [plan.wish for plan in plans], {p.wish.network.name: p.endpoint for p in plans}
    )
    await ctx.save(
        attrs.evolve(container, endpoints={plan.wish.network.name: plan.endpoint for plan in plans}, ports=ports)
    )
    namespace = own if own is not None else await trio.to_thread.run_sync(new_network_namespace)
    try:
        endpoints = {plan.wish.network.name: await _attach(ctx, container, plan, namespace) for plan in plans}
        if plans and uses_resolver(ctx, container):
            await serve_names(ctx, container, namespace)
    except BaseException:
        if own is None:
            os.close(namespace)
        raise
    return Joined(endpoints=endpoints, ports=ports, namespace=namespace)


async def _attach(ctx: Context, container: Container, plan: Plan, namespace: int) -> Endpoint:
    network = plan.wish.network
    endpoint = await ctx.network_driver(network.driver).attach(network, plan.config, namespace)
    names = dns_names(container.id, container.name, container.config.hostname, plan.wish.request)
    ctx.directory.join(network, container.id, names, endpoint)
    return endpoint


async def _publish(
    ctx: Context, container: Container, wishes: Sequence[Wish], endpoints: Mapping[str, Endpoint]
) -> tuple[PublishedPort, ...]:
    """All its ports, on the network that has its default route."""
    wanted: Sequence[PortRequest] = port_requests(container)
    name = gateway_network(wishes, 4) or gateway_network(wishes, 6)
    if not wanted or not name:
        return ()
    network = find_network(ctx, name)
    driver = ctx.network_driver(network.driver)
    return tuple(await driver.publish(network, container.id, endpoints[name], wanted))


async def serve_names(ctx: Context, container: Container, namespace: int) -> None:
    """Have the queries of a container answered in its *namespace* (an fd, the caller's)."""
    resolver = ctx.resolver
    if resolver is None:
        return
    ctx.directory.link(container.id, _link_targets(ctx, container))
    forward = any(not find_network(ctx, name).internal for name in container.networks)
    upstream = Upstream(servers=container.host_config.dns, search=tuple(search_domains(container)), forward=forward)
    await resolver.serve(container.id, namespace, upstream)


def _link_targets(ctx: Context, container: Container) -> Mapping[str, str]:
    """`--link`, and the links of single networks: alias to container ID; what is gone means nothing."""
    targets = {}
    per_network = [link for request in container.networks.values() for link in request.links]
    for text in (*container.host_config.links, *per_network):
        ref, alias = parse_link(text)
        try:
            targets[alias] = ctx.find_container(ref).id
        except NotFound:
            continue
    return targets


async def leave(ctx: Context, container: Container) -> None:
    """Undo `reserve` and `join` of a container whose processes are gone; success where nothing is left."""
    if ctx.resolver is not None:
        await ctx.resolver.stop(container.id)
    for network in ctx.memberships.of(container.id):
        await ctx.network_driver(network.driver).detach(network, container.id, None)
        release(ctx, container.id, network.id)


async def join_live(ctx: Context, container: Container, wish: Wish) -> None:
    """Connect a running container to one more network; its actor calls this. Raises: as `reserve` and drivers do."""
    networks = {**container.networks, wish.network.name: wish.request}
    wishes = [*wishes_of(ctx, container), wish]
    held = {name: endpoint.interface for name, endpoint in container.endpoints.items()}
    try:
        plan = _plan(ctx, container.id, wish, endpoint_configs(container.id, container.name, wishes, held)[-1])
        saved = await ctx.save(
            attrs.evolve(
                container, networks=networks, endpoints={**container.endpoints, wish.network.name: plan.endpoint}
            )
        )
        namespace = ctx.run_of(container).runtime.namespace("net")
        try:
            endpoint = await _attach(ctx, saved, plan, namespace)
            joined = attrs.evolve(saved, endpoints={**saved.endpoints, wish.network.name: endpoint})
            await attach_again(ctx, joined, namespace)
            if uses_resolver(ctx, joined):
                await serve_names(ctx, joined, namespace)
        finally:
            os.close(namespace)
    except BaseException:
        with trio.move_on_after(_UNDO_SECONDS, shield=True):  # half a connection must not outlive a shutdown
            await ctx.network_driver(wish.network.driver).detach(wish.network, container.id, None)
            release(ctx, container.id, wish.network.id)
            await ctx.save(container)
        raise
    joined = await _ports_follow(ctx, joined)
    await ctx.save(joined, network_event(ctx, "connect", wish.network, joined))
    await refresh_etc_files(ctx, container, joined)


async def leave_live(ctx: Context, container: Container, network: NetworkConfig) -> None:
    """Disconnect a running container; its actor calls this."""
    rest = attrs.evolve(
        container,
        networks={name: request for name, request in container.networks.items() if name != network.name},
        endpoints={name: endpoint for name, endpoint in container.endpoints.items() if name != network.name},
    )
    ctx.directory.leave(network.id, container.id)
    namespace = ctx.run_of(container).runtime.namespace("net")
    try:
        await ctx.network_driver(network.driver).detach(network, container.id, namespace)
        await attach_again(ctx, rest, namespace)
    finally:
        os.close(namespace)
    release(ctx, container.id, network.id)
    rest = await _ports_follow(ctx, rest)
    await ctx.save(rest, network_event(ctx, "disconnect", network, container))
    await refresh_etc_files(ctx, container, rest)


async def attach_again(ctx: Context, container: Container, namespace: int) -> None:
    """Have the interfaces and default routes of a running container as its record says: attaching is idempotent."""
    wishes = wishes_of(ctx, container)
    held = {name: endpoint.interface for name, endpoint in container.endpoints.items()}
    for wish, config in zip(wishes, endpoint_configs(container.id, container.name, wishes, held), strict=True):
        got = container.endpoints[wish.network.name]
        config = attrs.evolve(
            config, ipv4_address=got.ipv4_address, ipv6_address=got.ipv6_address, mac_address=got.mac_address
        )
        await ctx.network_driver(wish.network.driver).attach(wish.network, config, namespace)


async def _ports_follow(ctx: Context, container: Container) -> Container:
    """Published ports lead to the network that has the default route: move them where that has changed."""
    if not port_requests(container):
        return container
    wishes = wishes_of(ctx, container)
    name = gateway_network(wishes, 4) or gateway_network(wishes, 6)
    for wish in wishes:
        if wish.network.name != name:
            await ctx.network_driver(wish.network.driver).unpublish(wish.network, container.id)
    if not name:
        return attrs.evolve(container, ports=())
    wanted = _same_again(container) or port_requests(container)
    network = find_network(ctx, name)
    driver = ctx.network_driver(network.driver)
    return attrs.evolve(
        container, ports=tuple(await driver.publish(network, container.id, container.endpoints[name], wanted))
    )


def _same_again(container: Container) -> Sequence[PortRequest]:
    """The ports that it has, as requests for just these."""
    wanted: dict[tuple[str, int, str, int], PortRequest] = {}
    for port in container.ports:
        every = port.host_ip in ("0.0.0.0", "::")
        host_ip = "" if every else port.host_ip
        wanted[port.protocol, port.container_port, host_ip, port.host_port] = PortRequest(
            protocol=port.protocol, container_port=port.container_port, host_ip=host_ip, host_ports=(port.host_port,)
        )
    return list(wanted.values())


def network_event(ctx: Context, action: str, network: NetworkConfig, container: Container) -> Event:
    """Docker's `network connect` and `network disconnect`."""
    attributes = {"container": container.id, "name": network.name, "type": network.driver}
    return ctx.event(Noun.NETWORK, action, network.id, attributes)
