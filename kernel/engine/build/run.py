"""RUN: a command in a container of its own, whose changes become a layer."""

import os
import posixpath
import socket
import stat
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.container import ContainerConfig, ContainerSpec, HostConfig, LogConfig, MountRequest, Resources
from ck.kernel.api.image import Image
from ck.kernel.archive.directories import Directories, open_in_root
from ck.kernel.drivers.runtime import AttachRequest
from ck.kernel.drivers.storage import ChangeKind
from ck.kernel.engine.container_create import create_on
from ck.kernel.engine.containers import Containers
from ck.kernel.engine.context import Context
from ck.kernel.engine.names import container_of
from ck.kernel.engine.rootview import in_root
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CorruptData

HOSTNAME: Final = "buildkitsandbox"
"""Of every RUN, as BuildKit has it, so that it is the same in every build."""
HOSTNAME_ARGUMENT: Final = "BUILDKIT_SANDBOX_HOSTNAME"
"""The build argument that says otherwise."""

Output = Callable[[bytes], Awaitable[None]]

_FRAME: Final = struct.Struct(">B3xL")
_READ: Final = 1 << 16
_END_SECONDS: Final = 30.0
# What every start makes in an image that lacks it, to mount there.
_STUBS: Final = ("/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")


@attrs.frozen(kw_only=True)
class Command:
    """A RUN with all that it depends on. `environment` are `NAME=value` entries, `secrets` such that no record has."""

    line: Sequence[str]
    environment: Sequence[str]
    secrets: Sequence[str] = attrs.field(default=(), repr=False)
    user: str
    working_dir: str
    network: str
    hostname: str
    mounts: Sequence[MountRequest] = ()
    tmpfs: Mapping[str, str] = attrs.field(factory=dict)


class Runner:
    """Runs commands on top of layers."""

    def __init__(self, ctx: Context, volumes: Volumes, containers: Containers, request: BuildRequest) -> None:
        self._ctx, self._volumes, self._containers, self._request = ctx, volumes, containers, request

    @asynccontextmanager
    async def finished(self, image: Image, command: Command, output: Output) -> AsyncIterator[tuple[int, str]]:
        """Run *command* in a container of *image*, which need not have a record, its output to *output*; within the
        block there is the ended container: its exit code and its ID. Then it is removed.

        Raises: InvalidArgument, StartFailed, and as a create and a start do.
        """
        created = await create_on(self._ctx, self._volumes, self._spec(command), image, None, throwaway=True)
        self._ctx.secret_env[created.id] = tuple(command.secrets)
        try:
            yield await self._run(created.id, output), created.id
        finally:
            del self._ctx.secret_env[created.id]
            with trio.move_on_after(_END_SECONDS, shield=True):  # else it is left to the next start
                await self._containers.remove(created.id, force=True, volumes=True)

    def _spec(self, command: Command) -> ContainerSpec:
        request = self._request
        return ContainerSpec(
            config=ContainerConfig(
                image="build",
                # A container whose network it shares gives it the name too.
                hostname="" if container_of(command.network) else command.hostname,
                cmd=tuple(command.line),
                env=tuple(command.environment),
                user=command.user,
                working_dir=command.working_dir,
            ),
            host_config=HostConfig(
                network_mode=command.network,
                extra_hosts=request.extra_hosts,
                shm_size=request.shm_size,
                log_config=LogConfig(type="none"),
                mounts=tuple(command.mounts),
                tmpfs=command.tmpfs,
                resources=Resources(**attrs.asdict(request.limits)),
                ulimits=request.ulimits,
                cgroup_parent=request.cgroup_parent,
            ),
        )

    async def _run(self, container_id: str, output: Output) -> int:
        ours, theirs = socket.socketpair()
        waiter = self._ctx.waiters.arm(container_id, "next-exit")
        try:
            self._ctx.attachments.add(container_id, AttachRequest(stream=theirs))
            await self._containers.start(container_id)
            await _relay(trio.socket.from_stdlib_socket(ours), output)
            status = await waiter.wait()
        finally:
            self._ctx.waiters.disarm(container_id, waiter)
            ours.close()
        return status.code


async def remove_stubs(ctx: Context, container_id: str) -> None:
    """Take what was made in the root of an ended container only to mount there away again, if nothing came of it."""
    container = ctx.find_container(container_id)
    asked = {*(point.destination for point in container.mounts), *container.host_config.tmpfs}
    added = {change.path for change in await ctx.storage.changes(container_id) if change.kind is ChangeKind.ADDED}
    if not (added and asked) and not added.intersection(_STUBS):
        return

    def remove(root: int) -> None:
        stubs = {_real(root, target) for target in (*_STUBS, *asked)}
        stubs |= {above for stub in list(stubs) for above in _above(stub)}
        for path in sorted(stubs & added, key=len, reverse=True):
            above, _, name = os.fsencode(path).rpartition(b"/")
            try:
                parent = open_in_root(root, above or b".", os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                status = os.lstat(name, dir_fd=parent)
                if stat.S_ISDIR(status.st_mode):
                    os.rmdir(name, dir_fd=parent)
                elif status.st_size == 0:
                    os.unlink(name, dir_fd=parent)
            except OSError:
                continue  # something is in it, so it is the command's
            finally:
                os.close(parent)

    await in_root(await ctx.storage.mounts(container_id), (), remove)


def _real(root: int, target: str) -> str:
    """Where a mount on *target* is: a link may lead there."""
    with Directories(root) as directories:
        try:
            return "/" + os.fsdecode(b"/".join(directories.real(os.fsencode(posixpath.normpath(target).strip("/")))))
        except CorruptData:  # links in a circle, on which nothing was mounted
            return target


def _above(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]


async def _relay(stream: trio.socket.SocketType, output: Output) -> None:
    """Docker's frames to *output*, without their heads, until the container's output ends."""
    held = b""
    while piece := await stream.recv(_READ):
        held += piece
        while len(held) >= _FRAME.size:
            _, length = _FRAME.unpack_from(held)
            if len(held) < _FRAME.size + length:
                break
            await output(held[_FRAME.size : _FRAME.size + length])
            held = held[_FRAME.size + length :]
