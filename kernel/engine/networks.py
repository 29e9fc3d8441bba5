"""The noun `network`: made, listed, removed; containers connected and disconnected."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container, EndpointRequest
from ck.kernel.api.network import Network, NetworkSpec
from ck.kernel.drivers.network import Addressing, NetworkConfig, Sandbox, Subnet
from ck.kernel.engine.address_pools import Prefix, choose_subnet, make_subnet, parse_prefix
from ck.kernel.engine.container_network import join_live, leave_live
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.endpoint_plan import Wish, interface_names
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.names import new_id
from ck.kernel.engine.network_records import find_network, networks, pools, sandbox_of, taken_prefixes
from ck.kernel.engine.port_requests import parse_exposed
from ck.kernel.engine.predefined import BRIDGE, PREDEFINED, predefined_network
from ck.kernel.errors import Conflict, Forbidden, InvalidArgument, NotFound
from ck.kernel.events import Noun
from ck.kernel.lifecycle import ACTIVE
from ck.kernel.store_records import Delete, NetworkRecord, Put

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Networks:
    """ck.kernel.api.engine.Networks."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._started = now()
        self._changing = trio.Lock()  # two creates must not choose the same subnet

    async def open(self) -> None:
        """Give the default network its subnets, once."""
        ctx = self._ctx
        if BRIDGE not in ctx.plugins.names("network") or any(each.config.name == BRIDGE for each in ctx.store.networks):
            return
        config = predefined_network(BRIDGE)
        subnets = await self._subnets(NetworkSpec(name=BRIDGE, enable_ipv6=None))
        config = attrs.evolve(config, subnets=subnets, enable_ipv6=any(":" in each.prefix for each in subnets))
        await ctx.store.commit([Put(config.id, NetworkRecord(config=config, created=now()))])

    async def create(self, spec: NetworkSpec) -> Network:
        """Make a network.

        Raises: Conflict (the name, a subnet), InvalidArgument, Unavailable where the pools are used up; then nothing is
        left.
        """
        if not _NAME.fullmatch(spec.name):
            raise InvalidArgument(f"invalid network name {spec.name!r}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        if spec.name in (*PREDEFINED, "default", "container"):
            raise Forbidden(f"network {spec.name!r} cannot be made: the name is predefined")
        ctx = self._ctx
        driver = ctx.network_driver(spec.driver or BRIDGE)
        async with self._changing:
            if any(network.name == spec.name for network in networks(ctx)):
                raise Conflict(f"network with name {spec.name} already exists")
            addressed = driver.addressing is Addressing.ENGINE
            subnets = await self._subnets(spec) if addressed else ()
            config = NetworkConfig(
                id=new_id(),
                name=spec.name,
                driver=driver.name,
                options=dict(spec.options),
                labels=dict(spec.labels),
                internal=spec.internal,
                attachable=spec.attachable,
                enable_ipv6=any(":" in subnet.prefix for subnet in subnets),
                subnets=subnets,
            )
            driver.check(config)
            record = NetworkRecord(config=config, created=now())
            await driver.create(config)
            event = ctx.event(Noun.NETWORK, "create", config.id, {"name": config.name, "type": config.driver})
            try:
                await ctx.store.commit([Put(config.id, record)], [event])
            except BaseException:
                with trio.move_on_after(ctx.config.driver_deadline, shield=True):  # nothing may be left of it
                    await driver.remove(config)
                raise
        return self._shape(config, record.created)

    async def _subnets(self, spec: NetworkSpec) -> tuple[Subnet, ...]:
        ctx = self._ctx
        taken = await trio.to_thread.run_sync(taken_prefixes, ctx)
        ipv6 = spec.enable_ipv6
        if ipv6 is None:
            ipv6 = ctx.config.networking.ipv6 and await trio.to_thread.run_sync(_host_has_ipv6)
        chosen: dict[int, Subnet] = {}
        for request in spec.subnets:
            if not request.prefix:
                if request.gateway or request.ip_range or request.reserved:
                    raise InvalidArgument("a gateway, ip-range or aux-address needs the subnet that it is of")
                continue
            version = parse_prefix(request.prefix, "subnet").version
            if version in chosen:
                raise InvalidArgument(
                    f"subnet {request.prefix} is the second of IPv{version}: a network has one of each"
                )
            if version == 6 and spec.enable_ipv6 is False:
                raise InvalidArgument(f"subnet {request.prefix} is of IPv6, which is switched off for this network")
            chosen[version] = make_subnet(request, taken)
        available: Sequence[tuple[Prefix, int]] = pools(ctx)
        for version in (4, 6) if ipv6 else (4,):
            if version not in chosen:
                chosen[version] = choose_subnet([pool for pool in available if pool[0].version == version], taken)
        return tuple(chosen[version] for version in sorted(chosen))

    async def list(self) -> Sequence[Network]:
        return [self._shape(config, self._created(config)) for config in networks(self._ctx)]

    async def get(self, ref: str) -> Network:
        config = find_network(self._ctx, ref)
        return self._shape(config, self._created(config))

    async def remove(self, ref: str) -> None:
        config = find_network(self._ctx, ref)
        if config.name in PREDEFINED:
            raise Forbidden(f"{config.name} is a pre-defined network and cannot be removed")
        async with self._changing:
            if self._ctx.store.networks.get(config.id) is None:
                raise NotFound(f"network {ref} not found")
            await self._remove(config)

    async def _remove(self, config: NetworkConfig) -> None:
        ctx = self._ctx
        if users := self._users(config):
            names = ", ".join(sorted(users.values()))
            raise Conflict(f"network {config.name} is in use by container {names}")
        # The record goes first: from then on nobody joins. What a crash leaves of the rest is found by `reconcile`.
        event = ctx.event(Noun.NETWORK, "destroy", config.id, {"name": config.name, "type": config.driver})
        await ctx.store.commit([Delete("network", config.id)], [event])
        await ctx.network_driver(config.driver).remove(config)
        ctx.addresses.forget(config.id)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Sequence[str]:
        wanted = Filters(filters, {"label", "label!", "until"})
        until = wanted.until(now())
        removed = []
        async with self._changing:
            for record in list(self._ctx.store.networks):
                config = record.config
                if config.name in PREDEFINED or not wanted.match_labels(config.labels):
                    continue
                if until and record.created > until:
                    continue
                stopped = any(config.name in container.networks for container in self._ctx.store.containers)
                if stopped or self._users(config):
                    continue
                await self._remove(config)
                removed.append(config.name)
        return removed

    async def connect(self, ref: str, container: str, request: EndpointRequest) -> None:
        ctx, config = self._ctx, find_network(self._ctx, ref)
        container_id = ctx.find_container(container).id

        async def join() -> None:
            current = ctx.find_container(container_id)
            self._check_joinable(config, current)
            wish = Wish(config, request)
            interface_names([wish], {name: got.interface for name, got in current.endpoints.items()})
            if current.state.status in ACTIVE:
                await join_live(ctx, current, wish)
                return
            await ctx.save(attrs.evolve(current, networks={**current.networks, config.name: request}))

        await ctx.actors.run(container_id, join)

    def _check_joinable(self, config: NetworkConfig, container: Container) -> None:
        ctx = self._ctx
        if config.name in container.networks:
            raise Conflict(f"container {container.name} is on network {config.name} already")
        if sandbox_of(ctx, container) is not Sandbox.OWN:
            raise Conflict(
                f"container {container.name} cannot join network {config.name}: "
                f"its network mode is {container.host_config.network_mode!r}"
            )
        if ctx.network_driver(config.driver).sandbox is not Sandbox.OWN:
            raise Conflict(f"container {container.name} cannot join network {config.name} beside others")

    async def disconnect(self, ref: str, container: str, *, force: bool = False) -> None:
        ctx, config = self._ctx, find_network(self._ctx, ref)
        try:
            container_id = ctx.find_container(container).id
        except NotFound:
            if force:  # it is gone, and with it what it had
                return
            raise

        async def leave() -> None:
            current = ctx.find_container(container_id)
            if config.name not in current.networks:
                raise Conflict(f"container {current.name} is not on network {config.name}")
            if sandbox_of(ctx, current) is not Sandbox.OWN:
                raise Conflict(f"container {current.name} cannot be disconnected from network {config.name}")
            if current.state.status in ACTIVE:
                await leave_live(ctx, current, config)
                return
            rest = {name: request for name, request in current.networks.items() if name != config.name}
            await ctx.save(attrs.evolve(current, networks=rest))

        await ctx.actors.run(container_id, leave)

    async def explain(self, port: str) -> Sequence[str]:
        asked = list(parse_exposed(port))
        if len(asked) != 1:
            raise InvalidArgument(f"invalid port {port!r}: one port is explained at a time")
        protocol, number = asked[0]
        for name in self._ctx.plugins.names("network"):
            if sentences := await self._ctx.network_driver(name).explain(protocol, number):
                return sentences
        raise NotFound(f"port {number}/{protocol} is published by no container")

    def _users(self, config: NetworkConfig) -> Mapping[str, str]:
        ctx = self._ctx
        users = {container_id: container_id[:12] for container_id in ctx.memberships.on(config.id)}
        for container in ctx.store.containers:
            if container.id in users or (config.name in container.endpoints and container.state.status in ACTIVE):
                users[container.id] = container.name
        return users

    def _created(self, config: NetworkConfig) -> datetime:
        record = self._ctx.store.networks.get(config.id)
        return record.created if record else self._started

    def _shape(self, config: NetworkConfig, created: datetime) -> Network:
        return Network(config=config, created=created, containers=self._users(config))


def _host_has_ipv6() -> bool:
    try:
        return Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").read_text().strip() == "0"
    except OSError:
        return False
