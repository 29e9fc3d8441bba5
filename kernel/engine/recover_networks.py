"""After a start: addresses, names and rules of the containers that run on, as their records say; all else of networks
goes."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.network import Held, NetworkConfig
from ck.kernel.drivers.runtime import RuntimeContainer
from ck.kernel.engine.container_network import attach_again, serve_names
from ck.kernel.engine.context import Context, Run
from ck.kernel.engine.endpoint_plan import dns_names
from ck.kernel.engine.etc_network import uses_resolver
from ck.kernel.engine.network_records import networks
from ck.kernel.errors import CkError

log: Final = logging.getLogger(__name__)


async def recover_networks(ctx: Context, runs: Mapping[str, RuntimeContainer]) -> None:
    """Adopt what the containers in *runs* have. A driver that fails is reported and does not stop the others."""
    known = {network.id: network for network in networks(ctx)}
    held: dict[str, list[Held]] = {}
    for container_id in runs:
        container = ctx.store.containers.get(container_id)
        for each in _held(container, known) if container else ():
            assert container is not None
            _remember(ctx, container, each)
            held.setdefault(each.network.driver, []).append(each)
    for name in ctx.plugins.names("network"):
        mine = [network for network in known.values() if network.driver == name]
        try:
            lacking = await ctx.network_driver(name).reconcile(mine, held.get(name, []))
            await _mend(ctx, lacking, runs)
        except CkError as error:
            log.error("cannot put the networks of driver %s right: %s", name, error)


async def recover_names(ctx: Context) -> None:
    """Answer the queries of containers again. Beside everything else: until then their clients wait, by the rules in
    their namespaces."""
    async with trio.open_nursery() as nursery:
        for container_id, run in list(ctx.runs.items()):
            container = ctx.store.containers.get(container_id)
            if container is not None and container.endpoints and uses_resolver(ctx, container):
                nursery.start_soon(_names, ctx, container_id, run)


async def _mend(ctx: Context, lacking: Sequence[Held], runs: Mapping[str, RuntimeContainer]) -> None:
    """Attach again what an engine had not attached yet, or detached already, when it was killed: the record decides."""
    for container_id in {each.container_id for each in lacking}:
        container = ctx.store.containers.get(container_id)
        with _namespace(runs[container_id]) as namespace:
            if namespace is not None and container is not None:
                await attach_again(ctx, container, namespace)


@contextmanager
def _namespace(runtime: RuntimeContainer) -> Iterator[int | None]:
    """An fd of the container's network namespace, None where it has ended."""
    try:
        namespace = None if runtime.over else runtime.namespace("net")
    except CkError:
        namespace = None
    try:
        yield namespace
    finally:
        if namespace is not None:
            os.close(namespace)


def _held(container: Container, known: Mapping[str, NetworkConfig]) -> list[Held]:
    found = []
    for endpoint in container.endpoints.values():
        network = known.get(endpoint.network_id)
        if network is not None:
            ports = tuple(port for port in container.ports if port.network_id == network.id)
            found.append(Held(network=network, container_id=container.id, endpoint=endpoint, ports=ports))
    return found


def _remember(ctx: Context, container: Container, each: Held) -> None:
    ctx.memberships.add(container.id, each.network)
    for version, address in ((4, each.endpoint.ipv4_address), (6, each.endpoint.ipv6_address)):
        book = ctx.addresses.book(each.network, version)
        if book is not None and address:
            book.hold(container.id, address)
    request = container.networks.get(each.network.name)
    if request is not None:
        names = dns_names(container.id, container.name, container.config.hostname, request)
        ctx.directory.join(each.network, container.id, names, each.endpoint)


async def _names(ctx: Context, container_id: str, run: Run) -> None:
    async def serve() -> None:
        container = ctx.store.containers.get(container_id)
        if container is None or ctx.runs.get(container_id) is not run:
            return  # it has ended
        with _namespace(run.runtime) as namespace:
            if namespace is not None:
                await serve_names(ctx, container, namespace)

    try:
        await ctx.actors.run(container_id, serve)
    except CkError as error:
        log.error("cannot answer the queries of container %s: %s", container_id[:12], error)
