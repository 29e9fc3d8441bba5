"""`start`: from a record to a running container, and the watch over it until it ends."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.network import Endpoint, EndpointConfig, NetworkConfig, Sandbox
from ck.kernel.drivers.runtime import Bundle, RuntimeContainer, TerminalSize
from ck.kernel.drivers.storage import RootMount
from ck.kernel.engine import etc_files
from ck.kernel.engine.container_mounts import mount_all, unmount_all
from ck.kernel.engine.context import Context, Run, now
from ck.kernel.engine.devices import find_devices, host_devices
from ck.kernel.engine.modes import Namespaces, container_of, resolve_namespaces
from ck.kernel.engine.predefined import predefined_network
from ck.kernel.engine.spec import Bind, Facts, build_spec
from ck.kernel.engine.steps import Step, perform
from ck.kernel.engine.together import together
from ck.kernel.errors import CkError, StartFailed
from ck.kernel.lifecycle import Op, step


@attrs.define
class _Start:
    """What the steps of one start find out, for those that follow."""

    runtime: RuntimeContainer | None = None
    binds: Sequence[Bind] = ()
    endpoints: Mapping[str, Endpoint] = attrs.field(factory=dict)
    started_at: datetime | None = None


async def start(ctx: Context, container: Container, *, cause: str = "user") -> Run:
    """Start *container*; its actor calls this.

    Raises: StartFailed and what the drivers raise; then the failure is in the record and nothing else is left.
    """
    step(container.state.status, Op.START)
    progress = _Start()

    async def make_binds() -> None:
        progress.binds = await mount_all(ctx, container)

    async def create_run() -> None:
        bundle = await _bundle(ctx, container, resolve_namespaces(ctx, container), progress.binds)
        progress.runtime = await ctx.runtime.create(bundle)

    async def delete_run() -> None:
        if progress.runtime is not None:
            await progress.runtime.delete()

    async def attach_network() -> None:
        progress.endpoints = await _attach_network(ctx, container, progress)

    async def execute() -> None:
        assert progress.runtime is not None
        # One by one, so that those not yet handed over are hung up on if this fails.
        while (request := ctx.attachments.take(container.id)) is not None:
            with request.stream:  # the shim gets a copy
                await progress.runtime.attach(request)
        progress.started_at = await progress.runtime.start()

    try:
        await perform(
            [
                Step("volumes", make_binds, lambda: unmount_all(ctx, container)),
                Step("processes", create_run, delete_run),
                Step("network", attach_network, lambda: detach_network(ctx, container)),
                Step("execute", execute),
            ]
        )
    except CkError as error:
        ctx.attachments.close(container.id)
        code = error.exit_code if isinstance(error, StartFailed) else 125
        state = attrs.evolve(container.state, error=str(error), exit_code=code)
        await ctx.save(attrs.evolve(container, state=state))
        raise
    assert progress.runtime is not None and progress.started_at is not None
    started = _running(ctx, container, progress.runtime, progress.started_at)
    started = attrs.evolve(started, endpoints=progress.endpoints)
    await ctx.save(started, ctx.container_event(started, "start", cause=cause))
    run = Run(progress.runtime)
    ctx.runs[container.id] = run
    return run


async def adopt(ctx: Context, container: Container, runtime: RuntimeContainer) -> Container:
    """Record a run that was started by an engine that went down before it could write so."""
    started = _running(ctx, container, runtime, now())
    return await ctx.save(started, ctx.container_event(started, "start", cause="recovery"))


def _running(ctx: Context, container: Container, runtime: RuntimeContainer, at: datetime) -> Container:
    state = attrs.evolve(
        container.state,
        status=step(container.state.status, Op.START),
        pid=runtime.pid,
        exit_code=0,
        error="",
        oom_killed=False,
        started_at=at,
        stopped_by_user=False,
        boot_id=ctx.boot_id,
    )
    return attrs.evolve(container, state=state)


async def _bundle(ctx: Context, container: Container, namespaces: Namespaces, binds: Sequence[Bind]) -> Bundle:
    host, config = container.host_config, container.config
    roots: list[RootMount] = []

    async def mount_root() -> None:
        roots.extend(await ctx.storage.mounts(container.id, discard=host.auto_remove))

    container = _with_shared_files(ctx, container)
    await together(mount_root, lambda: _write_etc_files(ctx, container))
    privileged = await trio.to_thread.run_sync(host_devices) if host.privileged else []
    asked = await trio.to_thread.run_sync(find_devices, host.devices) if host.devices else []
    facts = Facts(
        root=str(ctx.config.run_root / "root"),
        capabilities=ctx.capabilities,
        machine=ctx.machine,
        binds=tuple(binds),
        devices=(*privileged, *asked),
        network_namespace=namespaces.network,
        pid_namespace=namespaces.pid,
        ipc_namespace=namespaces.ipc,
        uts_namespace=namespaces.uts,
        ipc_root=namespaces.ipc_root,
    )
    rows, columns = host.console_size
    return Bundle(
        container_id=container.id,
        spec=build_spec(container, facts),
        root=tuple(roots),
        log=ctx.log_driver(container.log_driver).sink(host.log_config.config),
        log_directory=ctx.container_directory(container.id) / "log",
        user=config.user,
        groups=host.group_add,
        size=TerminalSize(rows=rows, columns=columns),
        open_stdin=config.open_stdin,
        stdin_once=config.stdin_once,
    )


def _with_shared_files(ctx: Context, container: Container) -> Container:
    """Point to hosts, resolv.conf and hostname of the container whose network is shared."""
    other = container_of(container.host_config.network_mode)
    if other is None:
        return container
    target = ctx.find_container(other)
    return attrs.evolve(
        container,
        hostname_path=target.hostname_path,
        hosts_path=target.hosts_path,
        resolv_conf_path=target.resolv_conf_path,
    )


async def _write_etc_files(ctx: Context, container: Container) -> None:
    """Write hosts, resolv.conf and hostname, unless they are another container's."""
    host, config = container.host_config, container.config
    if container_of(host.network_mode) is not None:
        return
    shares = ctx.network_driver(host.network_mode).sandbox is Sandbox.HOST
    asked = etc_files.Resolver(servers=host.dns, search=host.dns_search, options=host.dns_options)

    def write() -> None:
        hosts = etc_files.hosts_file(
            config.hostname,
            config.domainname,
            [] if shares else ["127.0.1.1"],
            host.extra_hosts,
            host=etc_files.read_host_file("/etc/hosts") if shares else "",
        )
        resolv = etc_files.resolv_conf(etc_files.read_host_file("/etc/resolv.conf"), asked, own_network=not shares)
        etc_files.write(ctx.container_directory(container.id), config.hostname, hosts, resolv)

    await trio.to_thread.run_sync(write)


def _networks(container: Container) -> Sequence[NetworkConfig]:
    mode = container.host_config.network_mode
    return [] if container_of(mode) else [predefined_network(mode)]


async def _attach_network(ctx: Context, container: Container, progress: _Start) -> Mapping[str, Endpoint]:
    endpoints = {}
    for network in _networks(container):
        driver = ctx.network_driver(network.driver)
        endpoint = EndpointConfig(container_id=container.id, container_name=container.name)
        if driver.sandbox is Sandbox.HOST:
            endpoints[network.name] = await driver.attach(network, endpoint, None)
            continue
        assert progress.runtime is not None
        netns = progress.runtime.namespace("net")
        try:
            endpoints[network.name] = await driver.attach(network, endpoint, netns)
        finally:
            os.close(netns)
    return endpoints


async def detach_network(ctx: Context, container: Container) -> None:
    """Undo what `start` did of networks; success where nothing is left."""
    for network in _networks(container):
        await ctx.network_driver(network.driver).detach(network, container.id)
