"""The engine as front ends see it: one Protocol a noun, and Engine that holds them.

A *ref* names a container by ID, unique ID prefix or name, an image by ID, prefix or reference. Every method raises
NotFound for a ref that names nothing, InvalidArgument for a malformed one and Conflict for one that is ambiguous or not
in a fit state.
"""

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import attrs

from ck.kernel.api.build import BuildRequest
from ck.kernel.api.container import (
    Container,
    ContainerChange,
    ContainerSpec,
    Created,
    EndpointRequest,
    ExecSession,
    ExecSpec,
    PathStat,
    Processes,
    Pruned,
)
from ck.kernel.api.doctor import Finding
from ck.kernel.api.image import (
    CommitRequest,
    DiskUsage,
    HistoryEntry,
    Image,
    ImageRemoval,
    ImportRequest,
    NamedManifest,
    Progress,
)
from ck.kernel.api.network import Network, NetworkSpec
from ck.kernel.api.stats import Stats
from ck.kernel.api.volume import Volume
from ck.kernel.api.why import Why
from ck.kernel.drivers.log import LogQuery, LogRecord
from ck.kernel.drivers.registry import Credentials, Packing, Platform, SearchResult
from ck.kernel.drivers.runtime import AttachRequest, ExitStatus, TerminalSize
from ck.kernel.drivers.storage import Change
from ck.kernel.events import Recorded


@attrs.frozen(kw_only=True)
class SystemInfo:
    """`ck info`. `features` are the runtime's, `storage_status` the storage driver's words."""

    id: str
    name: str
    root: str
    containers: int
    running: int
    paused: int
    stopped: int
    images: int
    storage_driver: str
    storage_status: tuple[tuple[str, str], ...]
    log_driver: str
    network_mode: str
    plugins: Mapping[str, tuple[str, ...]]  # kind to driver names
    runtime: str
    features: Mapping[str, object]
    own_users: bool  # a container has, unless it asks for something else
    cdi_directories: tuple[Path, ...]
    warnings: tuple[str, ...]
    time: datetime


LogBatch = list[LogRecord]
ContainerList = Sequence[Container]
"""`list` is a method of the Protocols below and hides the builtin there; hence these aliases."""


class Containers(Protocol):
    async def create(self, spec: ContainerSpec, name: str | None, platform: Platform | None = None) -> Created:
        """Raises: NotFound (no such image here: the client pulls), Conflict (the name is taken, by whom)."""

    async def get(self, ref: str) -> Container: ...

    async def list(self) -> ContainerList:
        """All, newest first; never waits for a driver."""

    async def start(self, ref: str, detach_keys: bytes | None = None) -> bool:
        """Return False if it runs already. Raises: StartFailed."""

    async def stop(self, ref: str, timeout: int | None = None, signal: str | None = None) -> bool:
        """Stop signal, then SIGKILL after *timeout* seconds (None: the container's own, else 10; -1: never).
        Return False if it does not run."""

    async def restart(self, ref: str, timeout: int | None = None, signal: str | None = None) -> None: ...

    async def kill(self, ref: str, signal: str | None = None) -> None:
        """*signal* is a name with or without SIG, or a number; None is KILL."""

    async def pause(self, ref: str) -> None: ...

    async def unpause(self, ref: str) -> None: ...

    async def update(self, ref: str, change: ContainerChange) -> Sequence[str]:
        """Other limits, at once for one that runs: all of them or, where one is refused, none. Return warnings."""

    async def rename(self, ref: str, name: str) -> None: ...

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False) -> None: ...

    async def wait(self, ref: str, condition: str = "not-running") -> AbstractAsyncContextManager["Waiter"]:
        """Wait for "not-running", "next-exit" or "removed". What happens after this call returns is not missed: the
        caller may tell its client that the wait is on, then await the Waiter."""

    async def check_attachable(self, ref: str) -> Container:
        """For a front end, before it answers a hijacking client. Raises as `attach` does."""

    async def attach(self, ref: str, request: AttachRequest, *, logs: bool = False, stream: bool = True) -> None:
        """Hand the client's socket over, also before the container is started. *logs*: what is in the log first."""

    async def resize(self, ref: str, size: TerminalSize) -> None: ...

    async def logs(self, ref: str, query: LogQuery) -> AsyncIterator[LogBatch]: ...

    async def top(self, ref: str, ps_args: str) -> Processes: ...

    async def why(self, ref: str) -> Why:
        """What ended or restarted it."""

    async def changes(self, ref: str) -> Sequence[Change]: ...

    async def sizes(self, ref: str) -> tuple[int, int]:
        """Bytes of the writable root, and of the whole root."""

    async def stat_path(self, ref: str, path: str) -> PathStat: ...

    async def get_archive(
        self, ref: str, path: str
    ) -> AbstractAsyncContextManager[tuple[PathStat, AsyncIterator[bytes]]]:
        """A tar of *path*, its base name as the top entry."""

    async def export(self, ref: str) -> AbstractAsyncContextManager[tuple[None, AsyncIterator[bytes]]]:
        """A tar of its whole root, without what is mounted there."""

    async def put_archive(
        self, ref: str, path: str, tar: BinaryIO, *, no_overwrite_dir_non_dir: bool = False, copy_uid_gid: bool = False
    ) -> None:
        """Unpack *tar* (plain, gzip or zstd; read blocking, in a worker thread) into the directory *path*."""

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Pruned: ...


class Waiter(Protocol):
    async def wait(self) -> ExitStatus: ...


class Execs(Protocol):
    async def create(self, container: str, spec: ExecSpec) -> str: ...

    async def start(self, exec_id: str, request: AttachRequest | None, size: TerminalSize | None = None) -> None:
        """Raises: StartFailed; Conflict if it was started already."""

    async def check_startable(self, exec_id: str) -> ExecSession:
        """For a front end, before it answers a hijacking client. Raises as `start` does, but for StartFailed."""

    async def get(self, exec_id: str) -> ExecSession: ...

    async def of(self, container_id: str) -> Sequence[str]:
        """IDs of the sessions of a container."""

    async def resize(self, exec_id: str, size: TerminalSize) -> None: ...


class Images(Protocol):
    async def list(self) -> Sequence[Image]: ...

    async def get(self, ref: str) -> Image: ...

    def familiar(self, normalized: str) -> str:
        """The short spelling of a normalized reference. Pure."""

    def is_local(self, reference: str) -> bool:
        """Whether a pull of it reads files of this machine."""

    def pull(
        self, reference: str, platform: Platform | None, credentials: Credentials | None, *, all_tags: bool = False
    ) -> AsyncIterator[Progress]:
        """Pull; errors are raised from the iterator. Leaving the iterator early cancels."""

    def push(
        self, reference: str, credentials: Credentials | None, *, all_tags: bool = False
    ) -> AsyncIterator[Progress]:
        """Push; errors are raised from the iterator. Leaving the iterator early cancels."""

    async def manifest(self, ref: str, credentials: Credentials | None, *, local: bool = False) -> NamedManifest:
        """What a registry has under a name; with *local* what is here, where the registry has nothing or is out of
        reach. Raises: Unauthorized, Unavailable, CorruptData."""

    def push_index(
        self, reference: str, index: bytes, sources: Mapping[str, str], credentials: Credentials | None
    ) -> AsyncIterator[Progress]:
        """Push an index. *sources* are the repositories in which its manifests are, by digest. As `push` otherwise."""

    async def pack(self, packing: Packing, tags: Sequence[str]) -> str:
        """Make an image of this machine's programs; return its ID. Raises: NotFound, naming the program."""

    async def search(self, term: str, limit: int, credentials: Credentials | None) -> Sequence[SearchResult]:
        """Repositories of a registry that match *term*. Raises: Unsupported, Unauthorized, Unavailable, CorruptData."""

    async def tag(self, ref: str, target: str) -> None: ...

    async def commit(self, container: str, request: CommitRequest) -> str:
        """Make an image of a container; return its ID. Raises: Conflict for what no layer can hold."""

    def load(self, tar: BinaryIO) -> AsyncIterator[Progress]:
        """Load the images of an archive, which is read in a worker thread; errors are raised from the iterator."""

    def save(self, refs: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Images as an archive. Raises: NotFound, before the block runs."""

    async def import_archive(self, tar: BinaryIO, request: ImportRequest) -> str:
        """Make an image of a file-system archive, which is read in a worker thread; return its ID. Raises:
        CorruptData."""

    async def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> Sequence[ImageRemoval]: ...

    async def history(self, ref: str) -> Sequence[HistoryEntry]: ...

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[Sequence[ImageRemoval], int]: ...

    async def login(self, server: str, credentials: Credentials) -> str: ...


class Volumes(Protocol):
    async def create(
        self, name: str | None, driver: str, options: Mapping[str, str], labels: Mapping[str, str]
    ) -> Volume: ...

    async def list(self) -> Sequence[Volume]: ...

    async def get(self, name: str) -> Volume: ...

    async def remove(self, name: str, *, force: bool = False) -> None: ...

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Pruned: ...


class Networks(Protocol):
    async def create(self, spec: NetworkSpec) -> Network: ...

    async def list(self) -> Sequence[Network]: ...

    async def get(self, ref: str) -> Network: ...

    async def remove(self, ref: str) -> None:
        """Raises: Conflict, naming the containers that are on it."""

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """Remove all that no container uses; return their names."""

    async def connect(self, ref: str, container: str, request: EndpointRequest) -> None:
        """Join a container, running or not, to one more network."""

    async def disconnect(self, ref: str, container: str, *, force: bool = False) -> None: ...

    async def explain(self, port: str) -> Sequence[str]:
        """What becomes of a packet from outside to a port of the host (`8080`, `53/udp`), in sentences.

        Raises: NotFound where it is published by nobody.
        """


class System(Protocol):
    async def info(self) -> SystemInfo: ...

    async def disk_usage(self) -> DiskUsage: ...

    def events(
        self, since: datetime | None, until: datetime | None, cursor: int | None = None
    ) -> AsyncIterator[Recorded]:
        """From the journal, then live until *until* (None: for ever). *cursor*: only events after that one.

        With neither *since* nor *cursor*, from now on. Raises: InvalidArgument for a cursor that no event has had yet.
        """


class Statistics(Protocol):
    """What containers use. None for *refs* is all that run."""

    async def once(self, refs: Sequence[str] | None) -> Sequence[Stats]:
        """Now. A container that does not run has no accounts."""

    def stream(self, refs: Sequence[str] | None) -> AsyncGenerator[Sequence[Stats], None]:
        """Now, and again each second; containers that are removed meanwhile are left out. All who stream share one
        look."""


@attrs.frozen(kw_only=True)
class Instance:
    """One life of the engine: `id` is another after each start."""

    id: str
    pid: int
    started: datetime


class Lifetime(Protocol):
    """The engine's own beginning and end."""

    def instance(self) -> Instance: ...

    async def restart(self) -> None:
        """Make way for a new engine in the same process; containers run on. Returns before it happens."""

    async def stop(self, *, containers: bool = False, timeout: float | None = None) -> None:
        """Go down; containers run on, unless *containers* says that all are stopped first, within *timeout* seconds.
        Returns before the engine is gone."""

    def take_over(self, path: str) -> socket.socket | None:
        """For a front end: the socket listening at *path* that the engine before, or a service manager, left open."""

    def hand_over(self, listener: socket.socket) -> bool:
        """For a front end that ends: have a copy of *listener* kept open for the next engine. Return False where nobody
        goes on listening, so that the path is to go."""


class Doctor(Protocol):
    async def examine(self, *, fix: bool = False) -> Sequence[Finding]:
        """What does not belong, and what is stuck; with *fix*, after what can be done about it."""


class Builder(Protocol):
    def scratch(self) -> AbstractAsyncContextManager[Path]:
        """A new directory for what one build needs, which goes with the block."""

    async def receive(self, tar: BinaryIO, scratch: Path) -> Path:
        """Unpack a context below *scratch*; return its directory. Raises: CorruptData."""

    async def fetch(self, remote: str, scratch: Path, agent: Path | None) -> Path:
        """Fetch the context that a URL or git repository is, this by way of the SSH *agent* if need be; return its
        directory. Raises: InvalidArgument, NotFound, Unavailable, CorruptData."""

    async def download(self, url: str, scratch: Path) -> Path:
        """Fetch the file that *url* names ("http://" where it names no scheme) into *scratch*. Raises: InvalidArgument,
        NotFound, Unavailable."""

    def build(self, request: BuildRequest, context: Path, scratch: Path) -> AsyncIterator[Progress]:
        """Build an image from the directory *context*; errors are raised from the iterator. Leaving it early cancels,
        and nothing is left."""

    async def prune(self, filters: Mapping[str, Sequence[str]], *, everything: bool) -> tuple[Sequence[str], int]:
        """Forget steps that no image is made of, or with *everything* all; return their keys and the bytes."""


class Engine(Protocol):
    containers: Containers
    execs: Execs
    images: Images
    volumes: Volumes
    networks: Networks
    system: System
    statistics: Statistics
    lifetime: Lifetime
    doctor: Doctor
    builder: Builder
