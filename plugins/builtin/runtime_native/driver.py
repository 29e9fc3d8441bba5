"""The runtime "native": compiles plans, has shims forked, finds them again."""

import json
import logging
import os
import shutil
import socket
import weakref
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from ck.kernel.drivers.orphan import Orphan
from ck.kernel.drivers.runtime import Bundle, OwnNamespaces, RuntimeContainer
from ck.kernel.errors import CkError, Conflict, InvalidArgument, StartFailed, Unavailable, Unsupported
from ck.kernel.linux.cgroup import Group, Layout, Mode, SettingRefused, detect, groups, with_unified
from ck.kernel.linux.process_state import describe_process
from ck.kernel.linux.user_namespace import IdMapping
from ck.plugins.builtin.runtime_native._container import PLAN_FILE, REMOVED, NativeContainer
from ck.plugins.builtin.runtime_native._forkserver import Forkserver
from ck.plugins.builtin.runtime_native._host import HostFacts, read_host_facts
from ck.plugins.builtin.runtime_native._ids import IdMappings, wanted_id_maps
from ck.plugins.builtin.runtime_native._link import ShimLink, shim_pid
from ck.plugins.builtin.runtime_native._namespaces import OLDEST_MAPPING_KERNEL, PROBE, find_obstacle, make_namespaces
from ck.plugins.builtin.runtime_native._plan import compile_plan
from ck.plugins.builtin.runtime_native._resources import compile_limits, refusal, warnings_of
from ck.plugins.builtin.runtime_native._seccomp_cache import FilterCache
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native._systemd import SLICE, HeldScope, is_in_charge, scope_command, scope_name
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.plan import Plan
from ck.plugins.builtin.runtime_native.child.steps import cgroup
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed

log: Final = logging.getLogger(__name__)

ROOT_DIRECTORY: Final = "root"
CGROUPS: Final = "cgroup"  # where the unified hierarchy is mounted if the host has not
NO_RUNS: Final = (CGROUPS, wire.REHEARSALS)  # directories beside those of runs
ENGINE_GROUP: Final = "engine"  # of forkserver and shims, beside those of the containers in systemd's scope
PARENT_FILE: Final = "cgroup-parent"  # in the directory of a run whose group is not where most are
FORKSERVER_LOG: Final = "forkserver.log"
CREATE_SECONDS: Final = 60.0
UNDO_SECONDS: Final = 30.0
RECOVER_SECONDS: Final = 5.0


class NativeRuntime:
    """A RuntimeDriver.

    Each run has the directory `<state>/<container ID>`: `plan.json`, from READY on `shim.sock`, `exit` at the end, and
    `root`, where the root file system is mounted in the container's own mount namespace.
    """

    name = "native"

    def __init__(self) -> None:
        self._state: Path
        self._containers: weakref.WeakSet[NativeContainer] = weakref.WeakSet()
        self._facts: HostFacts
        self._filters: FilterCache
        self._forkservers: Forkserver

    async def open(self, state: Path, persistent: Path) -> None:
        """See RuntimeDriver. Starts the forkserver, so that the first container need not wait for it."""
        self._state = state
        state.mkdir(parents=True, exist_ok=True, mode=0o700)  # noqa: ASYNC240 a tmpfs does not block
        self._filters = FilterCache(persistent / "seccomp")
        layout = await trio.to_thread.run_sync(find_layout, state)
        if is_in_charge(layout):
            group = Path(layout.unified, layout.parent, ENGINE_GROUP)
            command = scope_command(group.parent.name, SLICE)
            self._forkservers = Forkserver(state / FORKSERVER_LOG, str(group), command)
            await self._forkservers.start()
            await self._wait_for_scope()
        else:
            self._forkservers = Forkserver(state / FORKSERVER_LOG)
            await self._forkservers.start()
        self._facts = await trio.to_thread.run_sync(read_host_facts, layout)

    async def _wait_for_scope(self) -> None:
        """Until the forkserver serves, and so is where systemd has put it."""
        with suppress(Unsupported):  # a kernel without user namespaces has answered too
            made = await self.make_namespaces(PROBE, PROBE)
            os.close(made.user)
            os.close(made.network)

    async def create(self, bundle: Bundle) -> RuntimeContainer:
        """See RuntimeDriver."""
        directory = self._state / bundle.container_id
        # A namespace of users lives as long as somebody holds it, here until the container's mounts do.
        held: list[int] = []
        scope: HeldScope | None = None
        try:
            slice_name, _, rest = str(bundle.spec.get("linux", {}).get("cgroupsPath", "")).partition(":")
            if rest:
                scope = await trio.to_thread.run_sync(HeldScope, self._facts.cgroups, bundle.container_id, slice_name)
                path = f"/{scope.path}/{bundle.container_id}"
                linux = {**bundle.spec["linux"], "cgroupsPath": path}
                bundle = attrs.evolve(bundle, spec={**bundle.spec, "linux": linux})
            id_maps = {}
            for mappings in dict.fromkeys(wanted_id_maps(bundle.spec)):
                made = await self.make_namespaces(mappings.users, mappings.groups)
                os.close(made.network)
                held.append(made.user)
                id_maps[mappings] = f"/proc/{os.getpid()}/fd/{made.user}"
            plan = await trio.to_thread.run_sync(self._prepare, bundle, directory, id_maps)
            with trio.fail_after(CREATE_SECONDS):
                return await self._spawn(directory, _shim_settings(bundle, plan))
        except trio.TooSlowError as exc:
            seconds = f"{CREATE_SECONDS:g} seconds"
            raise Unavailable(f"container {bundle.container_id} could not be made within {seconds}") from exc
        finally:
            for fd in held:
                os.close(fd)
            if scope is not None:
                await trio.to_thread.run_sync(scope.close)

    async def mapping_obstacle(self, paths: Sequence[Path]) -> str:
        """See RuntimeDriver."""
        if self._facts.kernel < OLDEST_MAPPING_KERNEL:
            return "overlays of ID-mapped layers need Linux 5.19"
        try:
            made = await self.make_namespaces(PROBE, PROBE)
        except Unsupported as error:
            return str(error)
        try:
            return await trio.to_thread.run_sync(find_obstacle, made.user, paths)
        finally:
            os.close(made.user)
            os.close(made.network)

    async def make_namespaces(self, users: Sequence[IdMapping], groups: Sequence[IdMapping]) -> OwnNamespaces:
        """See RuntimeDriver."""
        return await make_namespaces(self._forkservers, users, groups)

    async def check(self, resources: Mapping[str, Any]) -> Sequence[str]:
        """See RuntimeDriver."""
        without_devices = {key: value for key, value in resources.items() if key != "devices"}
        return warnings_of(compile_limits(Section(without_devices, "linux.resources"), self._facts), self._facts)

    async def recover(self) -> Sequence[RuntimeContainer]:
        """See RuntimeDriver. What was made and never started, wholly or in part, is removed."""
        found: list[NativeContainer] = []

        async def adopt(directory: Path) -> None:
            container = self._container(directory, None)
            try:
                made = (directory / wire.SHIM_SOCKET).exists() and await container.was_started(RECOVER_SECONDS)
            except Unavailable:
                made = True  # The shim does not answer, but neither kill nor delete needs one that does.
            if made:
                self._containers.add(container)
                found.append(container)
            else:
                await container.delete()

        await trio.to_thread.run_sync(self._remove_lost_groups)
        async with trio.open_nursery() as nursery:
            for directory in self._state.glob("*/"):
                if directory.name.startswith(REMOVED):
                    await trio.to_thread.run_sync(shutil.rmtree, directory)
                elif directory.name not in NO_RUNS:  # also where the plan was not yet written
                    nursery.start_soon(adopt, directory)
        return found

    def _remove_lost_groups(self) -> None:
        """Control groups of this engine whose runs are gone, as when somebody has cleared the run root."""
        for group in self._own_groups():
            if not (self._state / group.container_id).exists():
                try:
                    self._remove_group(group)
                except Unavailable as error:  # `ck doctor` finds it again
                    log.error("%s", error)

    async def orphans(self, known: Collection[str]) -> Sequence[Orphan]:
        """See OrphanKeeper: runs and control groups of this engine."""
        return await trio.to_thread.run_sync(self._orphans, frozenset(known))

    def _orphans(self, known: frozenset[str]) -> list[Orphan]:
        found = []
        for directory in self._state.glob("*/"):
            if directory.name.removeprefix(REMOVED) not in (*known, *NO_RUNS):
                pid = shim_pid(directory)
                holder = describe_process(pid) if pid else ""
                found.append(Orphan(kind="run", name=directory.name, since=_changed(directory), holder=holder))
        for group in self._own_groups():
            if (name := group.container_id) not in known:
                holder = ", ".join(describe_process(pid) for pid in group.pids())
                found.append(
                    Orphan(kind="control group", name=name, since=_changed(Path(group.unified)), holder=holder)
                )
        return found

    async def remove_orphan(self, orphan: Orphan) -> None:
        """See OrphanKeeper."""
        if orphan.kind == "run":
            await self._container(self._state / orphan.name, None).delete()
        else:
            for group in await trio.to_thread.run_sync(self._own_groups):
                if group.container_id == orphan.name:
                    await trio.to_thread.run_sync(self._remove_group, group)

    def _own_groups(self) -> list[Group]:
        """The control groups of this engine."""
        return [group for group in groups(self._facts.cgroups) if group.owner == str(self._state)]

    def _remove_group(self, group: Group) -> None:
        group.kill()
        try:
            group.remove()
        except OSError as exc:
            held = ", ".join(describe_process(pid) for pid in group.pids())
            raise Unavailable(f"the control group {group.path} cannot be removed: {exc.strerror}: {held}") from exc

    async def features(self) -> Mapping[str, object]:
        """See RuntimeDriver."""
        host = self._facts
        return {
            "cgroup_version": "2" if host.cgroups.mode is Mode.V2 else "1",
            "cgroup_mode": host.cgroups.mode.value,
            "cgroup_driver": "systemd" if host.cgroups.parent.startswith(SLICE) else "cgroupfs",
            "kernel": os.uname().release,
            "seccomp": True,
        }

    async def close(self) -> None:
        """See RuntimeDriver."""
        for container in self._containers:
            container.detach()
        self._containers.clear()
        await self._forkservers.close()

    def _prepare(self, bundle: Bundle, directory: Path, id_maps: Mapping[IdMappings, str]) -> Plan:
        """Write the plan into a new directory. Blocks."""
        seccomp = self._filters.filter_of(bundle.spec)
        plan = compile_plan(
            bundle, rootfs=str(directory / ROOT_DIRECTORY), host=self._facts, seccomp=seccomp, id_maps=id_maps
        )
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError as exc:
            raise Conflict(f"container {bundle.container_id} has a run that was not deleted") from exc
        try:
            (directory / ROOT_DIRECTORY).mkdir(mode=0o700)
            if plan["cgroup"]["parent"] != self._facts.cgroups.parent:
                (directory / PARENT_FILE).write_text(plan["cgroup"]["parent"])
            file = directory / PLAN_FILE
            file.touch(mode=0o600)
            # The directory comes first: `recover` finds it, and the control group by its name.
            file.write_text(json.dumps(plan))
            cgroup.create(plan["cgroup"])
            cgroup.group_of(plan["cgroup"]).tag(str(self._state))
        except (OSError, StepFailed) as exc:
            cgroup.group_of(plan["cgroup"]).remove()
            shutil.rmtree(directory)
            raise _failure(exc, plan["cgroup"]["parent"], directory) from exc
        return plan

    async def _spawn(self, directory: Path, settings: Mapping[str, Any]) -> NativeContainer:
        for _ in range(2):
            ours, theirs = wire.pair()
            container = self._container(directory, ours)
            try:
                with theirs:
                    await self._forkservers.spawn(directory / PLAN_FILE, directory, theirs, settings)
                if await container.made():
                    self._containers.add(container)
                    return container
            except BaseException:
                await self._undo(container)
                raise
            if self._forkservers.alive:
                break
            # It died with our request unread. A new one gets the same.
        await self._undo(container)
        log = self._state / FORKSERVER_LOG
        raise StartFailed(f"the shim of container {directory.name} died; {log} may say why")

    async def _undo(self, container: NativeContainer) -> None:
        # Shielded, because a cancelled create must leave nothing; bounded, because a process may be stuck in the
        # kernel.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + UNDO_SECONDS):
            await container.delete()

    def _container(self, directory: Path, sock: socket.socket | None) -> NativeContainer:
        link = ShimLink(directory.name, directory, sock)
        group = Group(self._facts.cgroups._replace(parent=self._parent_of(directory)), directory.name)
        return NativeContainer(directory.name, directory, link, group, self._facts)

    def _parent_of(self, directory: Path) -> str:
        """The control group above that of the run in *directory*."""
        try:
            return (directory / PARENT_FILE).read_text()
        except FileNotFoundError:
            return self._facts.cgroups.parent


def find_layout(state: Path) -> Layout:
    """The machine's cgroups, and where in them the containers' are. Blocks."""
    layout = with_unified(detect(), str(state / CGROUPS))
    return layout._replace(parent=f"{SLICE}/{scope_name(state)}") if is_in_charge(layout) else layout


def _failure(exc: OSError | StepFailed, parent: str, directory: Path) -> CkError:
    """Why there is no run in *directory*, nor below the control group *parent*."""
    match exc:
        case StepFailed():
            return StartFailed(exc.message)
        case SettingRefused():
            return refusal(exc)
        case NotADirectoryError():
            return InvalidArgument(f"invalid cgroup parent '/{parent}': {exc.filename} is not a directory")
        case _:
            return StartFailed(f"cannot write {directory}: {exc}")


def _changed(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _shim_settings(bundle: Bundle, plan: Plan) -> dict[str, Any]:
    """See wire.CkdToForkserver.spawn."""
    return {
        "cgroup": {**plan["cgroup"], "settings": [], "devices": ""},
        "terminal": plan["process"]["terminal"] is not None,
        "open_stdin": bundle.open_stdin,
        "stdin_once": bundle.stdin_once,
        "log_format": bundle.log.format,
        "log_directory": str(bundle.log_directory),
        "log_max_size": bundle.log.max_size,
        "log_max_files": bundle.log.max_files,
    }
