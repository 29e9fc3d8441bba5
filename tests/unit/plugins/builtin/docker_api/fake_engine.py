"""An engine in memory, for the server's tests: just enough truth to tell one call from another."""

import contextlib
import math
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, BinaryIO

import attrs
import trio

from ck.kernel.api.caller import CALLER, Caller
from ck.kernel.api.container import (
    Container,
    ContainerSpec,
    Created,
    ExecSession,
    ExecSpec,
    PathStat,
)
from ck.kernel.api.engine import LogBatch
from ck.kernel.api.image import Image, Progress
from ck.kernel.drivers.log import LogQuery, LogRecord
from ck.kernel.drivers.runtime import AttachRequest, ExitStatus, TerminalSize
from ck.kernel.engine.container_attach import check_attachable
from ck.kernel.errors import NotFound
from ck.kernel.lifecycle import State
from tests.support.records import AT, ID, container


class FakeContainers:
    """One container per name; whoever waits is told by `exit`."""

    def __init__(self) -> None:
        self.records: dict[str, Container] = {"web": container()}
        self.specs: list[ContainerSpec] = []
        self.callers: list[Caller] = []
        self.attached: list[AttachRequest] = []
        self.log_batches: list[list[LogRecord]] = []
        self.exited = trio.Event()
        self.armed = trio.Event()
        self.disarmed = trio.Event()
        self.stop_may_end = trio.Event()
        self.stop_began = trio.Event()
        self.received = b""
        self.archive = b"tar"
        self.error: Exception | None = None

    async def create(self, spec: ContainerSpec, name: str | None, platform: object = None) -> Created:
        self.callers.append(CALLER.get())
        self.specs.append(spec)
        return Created(id=ID, warnings=("careful",))

    async def get(self, ref: str) -> Container:
        if self.error:
            raise self.error
        for one in self.records.values():
            if ref == one.name or one.id.startswith(ref):
                return one
        raise NotFound(f"No such container: {ref}")

    async def list(self) -> Sequence[Container]:
        return list(self.records.values())

    async def start(self, ref: str, detach_keys: bytes | None = None) -> bool:
        return (await self.get(ref)).state.status is not State.RUNNING

    async def stop(self, ref: str, timeout: int | None = None, signal: str | None = None) -> bool:
        self.stop_began.set()
        await self.stop_may_end.wait()
        return True

    async def wait(self, ref: str, condition: str = "not-running") -> Any:
        await self.get(ref)
        return self._waiting()

    @contextlib.asynccontextmanager
    async def _waiting(self) -> AsyncIterator["FakeContainers"]:
        self.armed.set()
        try:
            yield _Waiter(self.exited)  # type: ignore[misc]
        finally:
            self.disarmed.set()

    async def attach(self, ref: str, request: AttachRequest, *, logs: bool = False, stream: bool = True) -> None:
        if self.error:
            raise self.error
        self.attached.append(request)

    async def logs(self, ref: str, query: LogQuery) -> AsyncIterator[LogBatch]:
        return self._logs(query)

    async def _logs(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        for batch in self.log_batches:
            yield batch
        if query.follow:
            await trio.sleep(math.inf)

    async def stat_path(self, ref: str, path: str) -> PathStat:
        return PathStat(name="etc", size=1, mode=0o40755, modified=AT)

    async def get_archive(self, ref: str, path: str) -> Any:
        return self._archive()

    async def check_attachable(self, ref: str) -> Container:
        return check_attachable(await self.get(ref))

    async def export(self, ref: str) -> Any:
        return self._archive()

    @contextlib.asynccontextmanager
    async def _archive(self) -> AsyncIterator[tuple[PathStat, AsyncIterator[bytes]]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield self.archive

        yield await self.stat_path("", ""), chunks()

    async def put_archive(self, ref: str, path: str, tar: BinaryIO, **_: bool) -> None:
        if self.error:
            raise self.error
        take = int(path.removeprefix("/take/")) if path.startswith("/take/") else -1
        self.received = await trio.to_thread.run_sync(tar.read, take)


@attrs.frozen
class _Waiter:
    exited: trio.Event

    async def wait(self) -> ExitStatus:
        await self.exited.wait()
        return ExitStatus(code=7, at=AT)


class FakeExecs:
    def __init__(self) -> None:
        self.sessions: dict[str, ExecSession] = {}
        self.started: list[tuple[AttachRequest | None, TerminalSize | None]] = []
        self.error: Exception | None = None

    async def create(self, container: str, spec: ExecSpec) -> str:
        self.sessions["e1"] = ExecSession(id="e1", container_id=ID, spec=spec)
        return "e1"

    async def get(self, exec_id: str) -> ExecSession:
        try:
            return self.sessions[exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    check_startable = get

    async def start(self, exec_id: str, request: AttachRequest | None, size: TerminalSize | None = None) -> None:
        if self.error:
            raise self.error
        self.started.append((request, size))

    async def of(self, container_id: str) -> Sequence[str]:
        return list(self.sessions)


class FakeImages:
    def __init__(self) -> None:
        self.images: list[Image] = []
        self.steps: list[Progress | Exception] = []
        self.pulled: list[tuple[Any, ...]] = []
        self.cancelled = trio.Event()

    async def list(self) -> Sequence[Image]:
        return self.images

    async def get(self, ref: str) -> Image:
        raise NotFound(f"No such image: {ref}")

    def familiar(self, normalized: str) -> str:
        return normalized.removeprefix("docker.io/library/")

    async def pull(self, *args: Any, all_tags: bool = False) -> AsyncIterator[Progress]:
        self.pulled.append((*args, all_tags))
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                yield step
            await trio.sleep(math.inf if self.steps and self.steps[-1].status == "hang" else 0)  # type: ignore[union-attr]
        except trio.Cancelled:
            self.cancelled.set()
            raise


class FakeSystem:
    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    async def events(self, since: Any, until: Any, cursor: int | None = None) -> AsyncIterator[Any]:
        self.asked.append({"since": since, "until": until, "cursor": cursor})
        await trio.sleep(math.inf)
        yield  # an async generator is one by its yield


class FakeLifetime:
    """The first of its kind, and the last."""

    def take_over(self, path: str) -> None:
        return None

    def hand_over(self, listener: socket.socket) -> bool:
        return False


class FakeEngine:
    def __init__(self) -> None:
        self.lifetime = FakeLifetime()
        self.containers = FakeContainers()
        self.execs = FakeExecs()
        self.images = FakeImages()
        self.system = FakeSystem()
