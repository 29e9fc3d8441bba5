"""`start`: from a record to a running container, and the watch over it until it ends."""

import os
from collections.abc import Sequence
from datetime import datetime

import attrs
import trio

from ck.kernel.api.container import Container, Health, Then
from ck.kernel.drivers.restart import Ending
from ck.kernel.drivers.runtime import Bundle, OwnNamespaces, RuntimeContainer, TerminalSize
from ck.kernel.drivers.storage import RootMount
from ck.kernel.engine.cdi import NO_EDITS
from ck.kernel.engine.cdi_files import cdi_devices, cdi_edits
from ck.kernel.engine.container_mounts import mount_all, unmount_all
from ck.kernel.engine.container_network import Joined, join, leave, network_event, reserve
from ck.kernel.engine.context import Context, Run, now
from ck.kernel.engine.devices import find_devices, find_rates, host_devices
from ck.kernel.engine.etc_network import environment, write_etc_files
from ck.kernel.engine.health_rules import check_of
from ck.kernel.engine.limits import rates_of
from ck.kernel.engine.modes import Namespaces, resolve_namespaces
from ck.kernel.engine.names import container_of
from ck.kernel.engine.spec import Facts, build_spec
from ck.kernel.engine.spec_mounts import Bind
from ck.kernel.engine.steps import Step, perform
from ck.kernel.engine.together import together
from ck.kernel.engine.users import container_mappings, joined
from ck.kernel.errors import CkError, StartFailed
from ck.kernel.lifecycle import Op, step


@attrs.define
class _Start:
    """What the steps of one start find out, for those that follow."""

    runtime: RuntimeContainer | None = None
    binds: Sequence[Bind] = ()
    joined: Joined = attrs.field(factory=Joined)
    own: OwnNamespaces | None = None
    started_at: datetime | None = None

    def held(self) -> set[int]:
        """The fds of namespaces and mounts that were made."""
        found = {self.own.user, self.own.network} if self.own else set()
        found |= {bind.tree for bind in self.binds if bind.tree is not None}
        return found | ({self.joined.namespace} if self.joined.namespace is not None else set())


async def start(ctx: Context, container: Container, *, cause: str = "user") -> Run:
    """Start *container*; its actor calls this.

    Raises: StartFailed and what the drivers raise; then the failure is in the record and nothing else is left.
    """
    step(container.state.status, Op.START, container.name)
    progress = _Start()

    async def make_binds() -> None:
        progress.binds = await mount_all(ctx, container)

    async def make_users() -> None:
        if container.users is not None and not joined(container.host_config):
            mappings = container_mappings(container.users)
            progress.own = await ctx.runtime.make_namespaces(mappings.users, mappings.groups)

    async def join_networks() -> None:
        owned = progress.own.network if progress.own else None
        progress.joined = await join(ctx, container, reserve(ctx, container), owned)

    async def create_run() -> None:
        connected = attrs.evolve(container, endpoints=progress.joined.endpoints)
        user = progress.own.user if progress.own else None
        namespaces = resolve_namespaces(ctx, connected, progress.joined.namespace, user)
        bundle = await _bundle(ctx, connected, namespaces, progress.binds)
        progress.runtime = await ctx.runtime.create(bundle)

    async def delete_run() -> None:
        if progress.runtime is not None:
            await progress.runtime.delete()

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
                Step("users", make_users),
                Step("networks", join_networks, lambda: leave(ctx, container)),
                Step("processes", create_run, delete_run),
                Step("execute", execute),
            ]
        )
    except CkError as error:
        ctx.attachments.close(container.id)
        code = error.exit_code if isinstance(error, StartFailed) else 125
        state = attrs.evolve(container.state, error=str(error), exit_code=code, then=Then.NOTHING)
        await ctx.save(attrs.evolve(container, state=state, endpoints={}, ports=()))
        raise
    finally:
        # The container's processes have them now.
        for fd in progress.held():
            os.close(fd)
    assert progress.runtime is not None and progress.started_at is not None
    started = _running(ctx, container, progress.runtime, progress.started_at)
    started = attrs.evolve(started, endpoints=progress.joined.endpoints, ports=progress.joined.ports)
    connected = [network_event(ctx, "connect", network, started) for network in ctx.memberships.of(container.id)]
    await ctx.save(started, *connected, ctx.container_event(started, "start", cause=cause))
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
        status=step(container.state.status, Op.START, container.name),
        pid=runtime.pid,
        exit_code=0,
        error="",
        oom_killed=False,
        oom_limit="",
        limits_pending=False,
        started_at=at,
        signal=0,
        ending=Ending.PROGRAM,
        then=Then.NOTHING,
        health=Health() if check_of(container.config.healthcheck) else None,
        boot_id=ctx.boot_id,
    )
    return attrs.evolve(container, state=state)


async def _bundle(ctx: Context, container: Container, namespaces: Namespaces, binds: Sequence[Bind]) -> Bundle:
    host, config = container.host_config, container.config
    roots: list[RootMount] = []

    async def mount_root() -> None:
        roots.extend(await ctx.storage.mounts(container.id, discard=host.auto_remove))

    container = _with_shared_files(ctx, container)
    container = attrs.evolve(container, config=attrs.evolve(config, env=tuple(environment(ctx, container))))
    await together(mount_root, lambda: write_etc_files(ctx, container))
    privileged = await trio.to_thread.run_sync(host_devices) if host.privileged else []
    asked = await trio.to_thread.run_sync(find_devices, host.devices) if host.devices else []
    edits = NO_EDITS
    if host.cdi_devices:
        edits = await trio.to_thread.run_sync(cdi_edits, host.cdi_devices, ctx.config.cdi_directories)
        asked += await trio.to_thread.run_sync(cdi_devices, edits)
    if secret := ctx.secret_env.get(container.id):
        edits = attrs.evolve(edits, env=(*edits.env, *secret))
    rates = await trio.to_thread.run_sync(find_rates, host.resources) if rates_of(host.resources) else ()
    facts = Facts(
        root=str(ctx.config.run_root / "root"),
        capabilities=ctx.capabilities,
        machine=ctx.machine,
        release=ctx.release,
        binds=tuple(binds),
        devices=(*privileged, *asked),
        rates=tuple(rates),
        edits=edits,
        network_namespace=namespaces.network,
        own_network=namespaces.own_network,
        pid_namespace=namespaces.pid,
        ipc_namespace=namespaces.ipc,
        uts_namespace=namespaces.uts,
        user_namespace=namespaces.user,
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
