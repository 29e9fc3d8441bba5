"""`create`: a container from an image and a request."""

import posixpath
from collections.abc import Sequence

import attrs
import trio

from ck.kernel.api.container import Container, ContainerSpec, Created, HostConfig, MountPoint, Resources
from ck.kernel.api.image import Image
from ck.kernel.drivers.platform import canonical, describe
from ck.kernel.drivers.registry import Platform
from ck.kernel.engine import names
from ck.kernel.engine.cdi_files import cdi_devices, cdi_edits
from ck.kernel.engine.container_mounts import realize
from ck.kernel.engine.container_remove import drop_root
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.dependency_waits import check_dependencies
from ck.kernel.engine.devices import find_rates
from ck.kernel.engine.endpoint_plan import endpoint_configs
from ck.kernel.engine.files import delete_directory, make_directory
from ck.kernel.engine.health_rules import check_durations, check_of
from ck.kernel.engine.image_store import find_image
from ck.kernel.engine.image_use import record_use
from ck.kernel.engine.limits import check_limits, resources_object, with_swap
from ck.kernel.engine.links import parse_link
from ck.kernel.engine.merge import command_line, merge_config
from ck.kernel.engine.modes import check_modes
from ck.kernel.engine.mounts import Wanted, clean_target, split_volumes_from, wanted_mounts
from ck.kernel.engine.network_records import normal_requests, wishes_of
from ck.kernel.engine.port_requests import port_requests
from ck.kernel.engine.references import settle_modes, settle_network
from ck.kernel.engine.restarts import check_restart_policy
from ck.kernel.engine.security import parse_security_options
from ck.kernel.engine.signals import signal_number
from ck.kernel.engine.spec import Facts, build_spec, settled
from ck.kernel.engine.spec_mounts import has_own_shm
from ck.kernel.engine.steps import Step, perform
from ck.kernel.engine.together import together
from ck.kernel.engine.user_ranges import users_for
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import Conflict, InvalidArgument, NotFound, Unsupported
from ck.kernel.events import Event
from ck.kernel.store_records import Delete


async def create(
    ctx: Context, volumes: Volumes, spec: ContainerSpec, name: str | None, platform: Platform | None = None
) -> Created:
    """Make a container.

    Raises: NotFound (image), Conflict (name), InvalidArgument, Unsupported; then nothing is left.
    """
    image = find_image(ctx, spec.config.image)
    if platform is not None and canonical(platform).architecture != canonical(_platform(image)).architecture:
        raise NotFound(
            f"image {spec.config.image} was found but its platform ({describe(_platform(image))}) "
            f"does not match the specified platform ({describe(platform)})"
        )
    async with ctx.leases.hold(image.chain_ids):
        find_image(ctx, image.id)  # else it was removed while we waited
        created = await create_on(ctx, volumes, spec, image, name)
        await record_use(ctx, image.id)
        return created


async def create_on(
    ctx: Context, volumes: Volumes, spec: ContainerSpec, image: Image, name: str | None, *, throwaway: bool = False
) -> Created:
    """As `create`, of *image*, which need not have a record, and whose layers are leased."""
    container_id = names.new_id()
    taken = {container.name: container.id for container in ctx.store.containers} | ctx.reserved_names
    chosen = names.check_name(name) if name else names.new_name(taken)
    if chosen in taken:
        raise Conflict(
            f'the container name "/{chosen}" is already in use by container "{taken[chosen]}": '
            "remove or rename that container to reuse the name"
        )
    ctx.reserved_names[chosen] = container_id
    try:
        container = attrs.evolve(_draft(ctx, spec, image, container_id, chosen), throwaway=throwaway)
        return await _create(ctx, volumes, container, image)
    finally:
        del ctx.reserved_names[chosen]
        ctx.reserved_ranges.pop(container_id, None)


async def _create(ctx: Context, volumes: Volumes, container: Container, image: Image) -> Created:
    container_id, host = container.id, container.host_config
    container = attrs.evolve(container, users=await users_for(ctx, container))
    others = {split_volumes_from(entry)[0] for entry in host.volumes_from}
    wanted = wanted_mounts(host, container.config.volumes, {other: ctx.find_container(other) for other in others})
    _check(ctx, container)
    if cdi := container.host_config.cdi_devices:
        edits = await trio.to_thread.run_sync(cdi_edits, cdi, ctx.config.cdi_directories)
        await trio.to_thread.run_sync(cdi_devices, edits)
    warnings = [*_warnings(container, wanted), *await _check_limits(ctx, container.host_config)]
    anonymous: list[str] = []
    mounts: list[MountPoint] = []
    events: list[Event] = []
    parent = image.chain_ids[-1] if image.chain_ids else None
    directory = ctx.container_directory(container_id)

    async def make_directories() -> None:
        await together(lambda: ctx.storage.create(container_id, parent), lambda: make_directory(directory / "log"))

    async def drop_directories() -> None:
        await together(lambda: drop_root(ctx, container_id), lambda: delete_directory(directory))

    async def make_mounts() -> None:
        mounts.extend(await realize(ctx, volumes, container, wanted, anonymous))

    async def save() -> None:
        finished = attrs.evolve(container, mounts=tuple(mounts))
        events.append(ctx.container_event(finished, "create"))
        await ctx.save(finished, *events)

    async def forget() -> None:
        if container_id in ctx.store.containers:  # whoever is cancelled after the commit gets no ID to remove it by
            destroyed = ctx.container_event(container, "destroy")
            await ctx.store.commit([Delete("container", container_id)], [destroyed])

    await perform(
        [
            Step("directories", make_directories, drop_directories),
            Step("mounts", make_mounts, lambda: volumes.forget(anonymous)),
            Step("record", save, forget),
        ]
    )
    return Created(id=container_id, warnings=tuple(warnings))


def _draft(ctx: Context, spec: ContainerSpec, image: Image, container_id: str, name: str) -> Container:
    host = _with_defaults(ctx, spec.host_config)
    asked = {
        settle_network(ctx, ref) if names.container_of(ref) is not None else ref: request
        for ref, request in spec.networks.items()
    }
    config = merge_config(spec.config, image.config)
    line = command_line(config)
    working_dir = config.working_dir and posixpath.normpath(config.working_dir)
    if working_dir and not working_dir.startswith("/"):
        raise InvalidArgument(f"invalid working directory {config.working_dir!r}: it must be absolute")
    hostname = config.hostname or _default_hostname(ctx, host, container_id)
    directory = ctx.container_directory(container_id)
    log_path = ctx.log_driver(host.log_config.type).path(directory / "log")
    return Container(
        id=container_id,
        name=name,
        created=now(),
        image_id=image.id,
        image_ref=spec.config.image,
        path=line[0],
        args=line[1:],
        config=attrs.evolve(config, hostname=hostname, working_dir=working_dir),
        host_config=host,
        networks=normal_requests(ctx, host.network_mode, asked),
        storage_driver=ctx.storage.name,
        layers=image.chain_ids,
        log_driver=host.log_config.type,
        log_path=str(log_path) if log_path else "",
        runtime=host.runtime,
        platform=image.os,
        hostname_path=str(directory / "hostname"),
        hosts_path=str(directory / "hosts"),
        resolv_conf_path=str(directory / "resolv.conf"),
        size_root_fs=image.size,
    )


def _with_defaults(ctx: Context, host: HostConfig) -> HostConfig:
    defaults = ctx.config.default
    runtime = host.runtime or defaults.runtime
    if runtime not in (ctx.runtime.name, "runc", "io.containerd.runc.v2"):
        raise InvalidArgument(f"unknown runtime {host.runtime!r}: this engine runs {ctx.runtime.name!r}")
    network = host.network_mode if host.network_mode not in ("", "default") else defaults.network
    return attrs.evolve(
        settled(settle_modes(ctx, attrs.evolve(host, network_mode=network))),
        log_config=attrs.evolve(host.log_config, type=host.log_config.type or defaults.log),
        restart_policy=attrs.evolve(host.restart_policy, name=host.restart_policy.name or defaults.restart),
        runtime=ctx.runtime.name,
        resources=with_swap(host.resources),
    )


def _default_hostname(ctx: Context, host: HostConfig, container_id: str) -> str:
    if host.network_mode == "host" or host.uts_mode == "host":
        return ctx.host_name
    if (other := names.container_of(host.network_mode)) is not None:
        return ctx.find_container(other).config.hostname
    return container_id[:12]


def _check(ctx: Context, container: Container) -> None:
    """Everything that can be known to fail later is refused now, before anything is made."""
    host, config = container.host_config, container.config
    check_modes(ctx, container)
    ctx.log_driver(host.log_config.type).sink(host.log_config.config)
    check_restart_policy(ctx, container)
    if config.healthcheck is not None:
        check_durations(config.healthcheck)
        if check_of(config.healthcheck) is not None:
            probe, *arguments = config.healthcheck.test
            ctx.probe(probe).check(arguments)
    if config.stop_signal:
        signal_number(config.stop_signal)
    for target in host.tmpfs:
        clean_target(target)
    if host.storage_opt:
        raise Unsupported(f"storage driver {ctx.storage.name!r} takes no storage-opt {next(iter(host.storage_opt))!r}")
    check_dependencies(ctx, container, container.name)
    for link in host.links:
        ctx.find_container(parse_link(link)[0])
    port_requests(container)
    endpoint_configs(container.id, container.name, wishes_of(ctx, container), {})
    parse_security_options(host.security_opt, privileged=host.privileged)
    build_spec(
        container,
        Facts(
            root="/",
            capabilities=ctx.capabilities,
            machine=ctx.machine,
            release=ctx.release,
            network_namespace=_namespace(host.network_mode),
            own_network=not _namespace(host.network_mode),
            ipc_namespace=_namespace(host.ipc_mode),
        ),
    )


def _namespace(mode: str) -> str:
    """As far as it is known before there is one: see Facts."""
    return mode if mode == "host" or names.container_of(mode) is not None else ""


async def _check_limits(ctx: Context, host: HostConfig) -> list[str]:
    """What of the limits this host cannot enforce. Raises: InvalidArgument."""
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidArgument(f"range of oom score adj is from -1000 to 1000, not {host.oom_score_adj}")
    if host.shm_size < 0:
        raise InvalidArgument(f"SHM size can not be less than 0: {host.shm_size}")
    if host.resources == Resources():
        return []
    warnings = check_limits(host.resources, ctx.hardware)
    rates = await trio.to_thread.run_sync(find_rates, host.resources)
    return [*warnings, *await ctx.runtime.check(resources_object(host, (), rates))]


def _warnings(container: Container, wanted: Sequence[Wanted]) -> tuple[str, ...]:
    host = container.host_config
    warnings = []
    if host.port_bindings and host.network_mode == "host":
        warnings.append("Published ports are discarded when using host network mode")
    elif (host.port_bindings or host.publish_all_ports) and host.network_mode == "none":
        warnings.append(f"Published ports are discarded: network {host.network_mode!r} cannot be reached from outside")
    if host.shm_size and not has_own_shm(host):
        warnings.append(f"The size of /dev/shm, {host.shm_size}, is discarded when using the IPC mode {host.ipc_mode}")
    return tuple(warnings)


def _platform(image: Image) -> Platform:
    return Platform(os=image.os, architecture=image.architecture, variant=image.variant)
