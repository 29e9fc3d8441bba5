"""What RUN --mount brings: files of the context and of stages, caches, secrets, agents of SSH."""

import hashlib
import itertools
import os
import posixpath
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.container import MountRequest
from ck.kernel.api.image import CachedStep
from ck.kernel.archive.stage import opened
from ck.kernel.archive.walk import tree_space
from ck.kernel.dockerfile.instructions import Run
from ck.kernel.dockerfile.mounts import Mount
from ck.kernel.engine.build.agent import relayed
from ck.kernel.engine.pins import Pins
from ck.kernel.engine.turns import Turns
from ck.kernel.errors import InvalidArgument

CopySource = Callable[[Mount, Path], Awaitable[Path]]
"""Copies the source of a mount into a directory, made if it is not there; returns where the directory or file is."""

_SECRET_MODE: Final = 0o400
_CACHE_MODE: Final = 0o755
_DRAFT: Final = "draft-"  # before the name of a cache that is being made
_ID: Final = "trusted.ck.cache"  # the attribute of a cache that has its ID, as its name is only a hash of that
_AGENT: Final = "/run/buildkit/ssh_agent"


@attrs.define
class RunMounts:
    """For a container: mounts, tmpfs by target, and `NAME=value` entries, those in `secrets` for no record."""

    mounts: list[MountRequest] = attrs.field(factory=list)
    tmpfs: dict[str, str] = attrs.field(factory=dict)
    environment: list[str] = attrs.field(factory=list)
    secrets: list[str] = attrs.field(factory=list)


class Caches:
    """The directories of `--mount=type=cache`, by ID; what is in one outlives builds."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locked, self._making = Turns(), Turns()
        self._used = Pins()

    @asynccontextmanager
    async def directory(self, mount: Mount, copy: CopySource) -> AsyncIterator[Path]:
        """The directory of *mount*'s cache; a new one has what its `from` has. Of one that is `private` and in use
        there are more."""
        name = _name(mount)
        if mount.sharing == "private":
            names = (f"{name}-{number}" for number in itertools.count())
            name = next(each for each in names if each not in self._used.held())
        with self._used.hold([name]):
            path = self._root / name
            async with self._making.of(name):
                if not await trio.Path(path).is_dir():
                    await self._make(path, mount, copy)
            yield path

    @asynccontextmanager
    async def locked(self, mounts: Sequence[Mount]) -> AsyncIterator[None]:
        """Have all caches of *mounts* that are `locked` for one RUN alone. In the order of their names, or two RUNs
        that have them in another order would wait for each other."""
        async with AsyncExitStack() as stack:
            for name in sorted({_name(mount) for mount in mounts if mount.sharing == "locked"}):
                await stack.enter_async_context(self._locked.of(name))
            yield

    async def _make(self, path: Path, mount: Mount, copy: CopySource) -> None:
        """Whole or not at all: what is there once is never filled again."""
        draft = path.with_name(f"{_DRAFT}{path.name}")
        await trio.to_thread.run_sync(_make_cache, draft, mount)
        if mount.from_:
            await copy(mount, draft)
        await trio.to_thread.run_sync(draft.rename, path)

    async def measure(self) -> Sequence[CachedStep]:
        """All that there are, with the bytes that they take on the disk."""
        found = await trio.to_thread.run_sync(_measured, self._root)
        return [attrs.evolve(cache, in_use=cache.key in self._used.held()) for cache in found]

    async def clear(self) -> int:
        """Drop those that no RUN uses; return their bytes."""
        space = 0
        for name in await trio.to_thread.run_sync(_names, self._root):
            cache = name.removeprefix(_DRAFT)
            async with self._making.of(cache):  # so that no RUN comes to use it meanwhile
                if cache not in self._used.held():
                    space += await trio.to_thread.run_sync(_remove, self._root / name)
        return space


@asynccontextmanager
async def run_mounts(
    run: Run, working_dir: str, request: BuildRequest, caches: Caches, scratch: Path, copy: CopySource
) -> AsyncIterator[RunMounts]:
    """What *run* asks for, in place while the block runs. *scratch* is an empty directory of this RUN's own.

    Raises: InvalidArgument for a secret or agent that is required and was not given, NotFound for a source.
    """
    made = RunMounts()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(caches.locked(run.mounts))
        for number, mount in enumerate(run.mounts):
            target = posixpath.normpath(posixpath.join(working_dir or "/", mount.target)) if mount.target else ""
            place = scratch / str(number)
            match mount.type:
                case "bind":
                    # A copy, so that nothing that is written there, or changes meanwhile, is seen elsewhere.
                    source = await copy(mount, place)
                    made.mounts.append(_bind(source, target, read_only=mount.read_only))
                case "cache":
                    directory = await stack.enter_async_context(caches.directory(mount, copy))
                    made.mounts.append(_bind(directory, target, read_only=mount.read_only))
                case "tmpfs":
                    made.tmpfs[target] = f"exec,size={mount.size}" if mount.size else "exec"
                case "secret":
                    await _add_secret(made, mount, target, place, request)
                case _:
                    await _add_agent(made, mount, target, place, request, stack)
        if run.script is not None:
            place = scratch / "script"
            await trio.to_thread.run_sync(_write, place, run.script.text.encode(), 0o755, 0, 0)
            made.mounts.append(_bind(place, posixpath.join("/", run.args[0]), read_only=True))
        yield made


def _bind(source: Path, target: str, *, read_only: bool) -> MountRequest:
    return MountRequest(type="bind", source=str(source), target=target, read_only=read_only)


async def _add_secret(made: RunMounts, mount: Mount, target: str, place: Path, request: BuildRequest) -> None:
    secret = request.secrets.get(mount.id)
    if secret is None:
        if mount.required:
            raise InvalidArgument(f"secret {mount.id}: not found: the build was not given it")
        return
    if mount.env:
        made.secrets.append(f"{mount.env}={secret.content.decode(errors='surrogateescape')}")
    if target:
        mode = _SECRET_MODE if mount.mode is None else mount.mode
        await trio.to_thread.run_sync(_write, place, secret.content, mode, mount.uid or 0, mount.gid or 0)
        made.mounts.append(_bind(place, target, read_only=True))


async def _add_agent(
    made: RunMounts, mount: Mount, target: str, place: Path, request: BuildRequest, stack: AsyncExitStack
) -> None:
    agent = request.agents.get(mount.id)
    if agent is None:
        if mount.required:
            raise InvalidArgument(f"ssh agent {mount.id}: not found: the build was not given it")
        return
    number = sum(entry.startswith("SSH_AUTH_SOCK=") for entry in made.environment)
    inside = target or f"{_AGENT}.{number}"
    await stack.enter_async_context(relayed(place, agent, 0o600 if mount.mode is None else mount.mode))
    await trio.to_thread.run_sync(os.chown, place, mount.uid or 0, mount.gid or 0)
    made.mounts.append(_bind(place, inside, read_only=False))
    made.environment.append(f"SSH_AUTH_SOCK={inside}")


def _write(path: Path, content: bytes, mode: int, uid: int, gid: int) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    os.chown(path, uid, gid)
    path.chmod(mode)


def _name(mount: Mount) -> str:
    return hashlib.sha256(mount.id.encode()).hexdigest()


def _make_cache(path: Path, mount: Mount) -> None:
    """Make the directory anew; what is there is of an attempt that failed."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        shutil.rmtree(path)
    path.mkdir()
    with suppress(OSError):  # it is only told to people, and a file system may keep no such attributes
        os.setxattr(path, _ID, mount.id.encode())
    os.chown(path, mount.uid or 0, mount.gid or 0)
    path.chmod(_CACHE_MODE if mount.mode is None else mount.mode)


def _names(root: Path) -> list[str]:
    return [path.name for path in root.iterdir()] if root.is_dir() else []


def _measured(root: Path) -> list[CachedStep]:
    found = []
    for name in sorted(_names(root)):
        try:
            space, description = _space(root / name), _described(root / name)
        except FileNotFoundError:  # dropped meanwhile
            continue
        found.append(CachedStep(key=name.removeprefix(_DRAFT), description=description, size=space, is_directory=True))
    return found


def _described(cache: Path) -> str:
    try:
        return f"cache mount {os.getxattr(cache, _ID).decode(errors='replace')}"
    except FileNotFoundError:
        raise
    except OSError:  # the file system keeps no such attributes
        return "cache mount"


def _space(cache: Path) -> int:
    with opened(cache) as root:
        return tree_space(root)


def _remove(cache: Path) -> int:
    space = _space(cache)
    shutil.rmtree(cache)
    return space
