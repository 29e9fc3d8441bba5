"""/etc/hosts, /etc/resolv.conf and /etc/hostname of a container: what they say of its networks, and how they follow."""

from collections.abc import Iterator, Sequence
from typing import Final

import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.network import Endpoint, Sandbox
from ck.kernel.engine import etc_files
from ck.kernel.engine.context import Context
from ck.kernel.engine.links import link_environment, parse_link
from ck.kernel.engine.merge import merge_env
from ck.kernel.engine.names import container_of
from ck.kernel.engine.network_records import sandbox_of
from ck.kernel.engine.predefined import BRIDGE
from ck.kernel.errors import InvalidArgument, NotFound

_HOST_GATEWAY: Final = "host-gateway"


def uses_resolver(ctx: Context, container: Container) -> bool:
    """Whether the engine answers the container's queries: on every network but the default one, whose containers have
    no names, and there too where the host's own resolvers cannot be reached from a container."""
    if ctx.resolver is None or sandbox_of(ctx, container) is not Sandbox.OWN:
        return False
    if any(name != BRIDGE for name in container.networks):
        return True
    # A file of a few lines that is always cached: not worth a thread.
    return not container.host_config.dns and not etc_files.reachable_servers(_resolv_conf())


async def write_etc_files(ctx: Context, container: Container) -> None:
    """Write hosts, resolv.conf and hostname, unless they are another container's. Raises: InvalidArgument."""
    if container_of(container.host_config.network_mode) is not None:
        return
    directory = ctx.container_directory(container.id)

    def write() -> None:
        etc_files.write(directory, container.config.hostname, hosts(ctx, container), resolv_conf(ctx, container))

    await trio.to_thread.run_sync(write)


async def refresh_etc_files(ctx: Context, before: Container, after: Container) -> None:
    """Have the files of a running container say what is so now, but for those that somebody else has changed."""
    directory = ctx.container_directory(after.id)

    def write() -> None:
        for name, text in (("hosts", hosts), ("resolv.conf", resolv_conf)):
            path = directory / name
            if etc_files.read_host_file(str(path)) == text(ctx, before):
                path.write_text(text(ctx, after))  # in place: the container has the inode

    await trio.to_thread.run_sync(write)


def hosts(ctx: Context, container: Container) -> str:
    """/etc/hosts. Raises: InvalidArgument for an entry that cannot be."""
    shares = sandbox_of(ctx, container) is Sandbox.HOST
    addresses = [
        address
        for endpoint in container.endpoints.values()
        for address in (endpoint.ipv4_address, endpoint.ipv6_address)
        if address
    ]
    text = etc_files.hosts_file(
        container.config.hostname,
        container.config.domainname,
        [] if shares else addresses or ["127.0.1.1"],
        [_with_gateway(container, entry) for entry in container.host_config.extra_hosts],
        host=etc_files.read_host_file("/etc/hosts") if shares else "",
    )
    return text + "".join(_link_lines(ctx, container))


def resolv_conf(ctx: Context, container: Container) -> str:
    """/etc/resolv.conf. Raises: InvalidArgument for a server that is no address."""
    host = container.host_config
    asked = etc_files.Resolver(servers=host.dns, search=host.dns_search, options=host.dns_options)
    own = sandbox_of(ctx, container) is not Sandbox.HOST
    if uses_resolver(ctx, container):
        return etc_files.embedded_resolv_conf(_resolv_conf(), asked)
    return etc_files.resolv_conf(_resolv_conf(), asked, own_network=own)


def search_domains(container: Container) -> Sequence[str]:
    """What the container's programs try behind a name: its own, else the host's."""
    return container.host_config.dns_search or etc_files.search_domains(_resolv_conf())


def _resolv_conf() -> str:
    return etc_files.read_host_file("/etc/resolv.conf")


def _with_gateway(container: Container, entry: str) -> str:
    """`NAME:host-gateway` is the address at which the host is reached: the gateway of the container's own network."""
    if not entry.endswith(_HOST_GATEWAY):
        return entry
    gateways = (endpoint.ipv4_gateway or endpoint.ipv6_gateway for endpoint in container.endpoints.values())
    gateway = next((each for each in gateways if each), None)
    if gateway is None:
        if container.host_config.network_mode == "host":
            gateway = "127.0.0.1"
        else:
            raise InvalidArgument(f"invalid --add-host {entry!r}: the container is on no network with a gateway")
    return entry.removesuffix(_HOST_GATEWAY) + gateway


def environment(ctx: Context, container: Container) -> Sequence[str]:
    """That of its config, and what `--link` adds on the default network where it has no variable of that name."""
    links = [
        variable
        for target, alias, endpoint in _linked(ctx, container)
        for variable in link_environment(container.name, alias, target, endpoint.ipv4_address)
    ]
    return merge_env(links, container.config.env) if links else container.config.env


def _link_lines(ctx: Context, container: Container) -> Iterator[str]:
    for target, alias, endpoint in _linked(ctx, container):
        for address in (endpoint.ipv4_address, endpoint.ipv6_address):
            if address:
                yield f"{address}\t{alias} {target.id[:12]} {target.name}\n"


def _linked(ctx: Context, container: Container) -> Iterator[tuple[Container, str, Endpoint]]:
    """The containers that run on the default network, where none has a name in DNS, and are linked to *container*."""
    if BRIDGE not in container.networks:
        return
    for text in container.host_config.links:
        ref, alias = parse_link(text)
        try:
            target = ctx.find_container(ref)
        except NotFound:
            continue
        if (endpoint := target.endpoints.get(BRIDGE)) is not None:
            yield target, alias, endpoint
