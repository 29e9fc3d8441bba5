"""Runtime drivers: from an OCI runtime spec to running processes, and back to an exit status."""

import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.storage import RootMount
from ck.kernel.linux.cgroup import Accounts
from ck.kernel.linux.user_namespace import IdMapping

OciSpec = Mapping[str, Any]
"""config.json of the OCI runtime spec 1.2, as a JSON-shaped mapping; `process` alone for an exec session."""


@attrs.frozen(kw_only=True)
class TerminalSize:
    """In characters; 0 where the client does not know."""

    rows: int = 0
    columns: int = 0


@attrs.frozen(kw_only=True)
class Bundle:
    """All that a run of a container needs.

    `spec.root.path` is where the runtime makes `root` (inside the container's mount namespace) before the mounts of the
    spec. `user` is as in the image ("", "1000", "www-data", "www-data:adm", "0:0") and `groups` are further groups, by
    name or number; both are resolved by the runtime in the container's own /etc/passwd and /etc/group, because only
    there is the root mounted. `spec.process.user` is what they are where the files say nothing.
    """

    container_id: str
    spec: OciSpec
    root: tuple[RootMount, ...]
    log: LogSink
    log_directory: Path
    user: str = ""
    groups: tuple[str, ...] = ()
    size: TerminalSize = TerminalSize()
    open_stdin: bool = False  # else the container's stdin is /dev/null
    stdin_once: bool = False  # stdin is closed when the first attached client closes its own
    stop_signals: tuple[int, ...] = ()


STATUS_STREAM: Final = 4
"""Docker's frames are 0 to 3."""


@attrs.frozen(kw_only=True)
class AttachRequest:
    """What a client wants of a container's or an exec session's streams.

    `stream` is the client's own connected socket, handed over for good: the runtime serves it without ckd, so that an
    attached client outlives ckd. Output goes out raw for a terminal, else in Docker's frames (stream number, 0, 0, 0,
    big-endian length). The client's half-close is the end of stdin. `initial` are bytes of stdin that came with the
    request.

    With `status` a terminal's output is framed too, and the last frame is one of stream STATUS_STREAM whose payload is
    the exit code in decimal digits: then a client needs nobody else to learn it, and need not wait for ckd.
    """

    stream: socket.socket
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    status: bool = False
    initial: bytes = b""
    detach_keys: bytes = b"\x10\x11"  # ctrl-p ctrl-q; empty for none


@attrs.frozen(kw_only=True)
class ExecRequest:
    """A further process in a running container. `process` is the `process` object of the OCI spec."""

    exec_id: str
    process: OciSpec
    user: str = ""
    groups: tuple[str, ...] = ()
    size: TerminalSize = TerminalSize()
    attach: AttachRequest | None = None  # None: detached, output dropped


@attrs.frozen(kw_only=True)
class ExitStatus:
    """How a process ended: `code` as a shell counts (128 + n where signal n ended it).

    `signal` is the one that ended it, 0 where it exited by itself: a program may exit with 137 too. `oom_killed` tells
    that a process ran out of memory, `oom_limit` by whose limit: "own", "host", or the control group above that has it.
    """

    code: int
    at: datetime
    oom_killed: bool = False
    oom_limit: str = ""
    signal: int = 0


@attrs.frozen(kw_only=True)
class ExecStarted:
    """`pid` on the host."""

    pid: int


@attrs.frozen(kw_only=True)
class OwnNamespaces:
    """fds, the caller's: a user namespace, and a network namespace that belongs to it, its loopback up."""

    user: int
    network: int


class Meter(Protocol):
    """The accounts of one container."""

    def read(self) -> Accounts | None:
        """None when the container is gone. Blocks for some 0.1 ms: call it in a worker thread."""

    def close(self) -> None: ...


class RuntimeContainer(Protocol):
    """One run of a container, from before its program is executed until `delete`."""

    container_id: str
    pid: int  # of the init, on the host

    @property
    def over(self) -> bool:
        """Whether the end has come already, as of a run that was recovered it may have."""

    async def start(self) -> datetime:
        """Execute the program; return when.

        Raises: StartFailed with exit code 125, 126 or 127; the run is over then.
        """

    async def wait(self) -> ExitStatus:
        """Wait for the end: all output is in the log by then. Any number of callers; cancelling is harmless."""

    async def attach(self, request: AttachRequest) -> None:
        """Serve one more client. Attaching before `start` loses no output."""

    async def signal(self, number: int) -> None:
        """Send a signal to the init; one that is gone is success."""

    async def kill(self) -> None:
        """SIGKILL to every process in the container, by its cgroup."""

    async def pause(self) -> None:
        """Freeze every process; return when they are frozen."""

    async def resume(self) -> None: ...

    async def resize(self, size: TerminalSize) -> None: ...

    async def exec(self, request: ExecRequest) -> ExecStarted:
        """Start a process in the container. Raises: StartFailed."""

    async def exec_wait(self, exec_id: str) -> ExitStatus:
        """Raises: NotFound for a session that never was or whose status was forgotten with `exec_forget`."""

    def exec_sessions(self) -> Sequence[str]:
        """IDs of the sessions that were not forgotten, also those that an engine before has started."""

    async def exec_resize(self, exec_id: str, size: TerminalSize) -> None: ...

    async def exec_signal(self, exec_id: str, number: int) -> None: ...

    async def exec_forget(self, exec_id: str) -> None:
        """Drop what is kept about an ended session; call it once the status is where its client will ask for it.

        The client sees the end of the stream then, and not before, unless a second has passed or the status comes
        on the stream itself (AttachRequest.status).
        """

    async def update(self, resources: Mapping[str, Any]) -> None:
        """Hold the container to other limits, `linux.resources` of the OCI spec: what it does not name stays as it is.
        All or nothing. Raises: InvalidArgument, Conflict for what the kernel refuses."""

    def meter(self) -> "Meter":
        """What reads the container's accounts; the caller closes it."""

    async def wait_oom(self) -> str:
        """Wait until the kernel kills a process of the container for want of memory, again at each call; return whose
        limit that was, as in ExitStatus. Never returns where the host does not tell."""

    async def pids(self) -> Sequence[int]:
        """All processes of the container, as host PIDs."""

    async def troubles(self) -> Sequence[str]:
        """What is stuck in it, in sentences with PIDs: a shim that does not answer, processes that wait in the kernel.
        Answers within a few seconds whatever is."""

    def namespace(self, kind: str) -> int:
        """Open a namespace of the container ("net", "mnt", "pid", ...); the caller closes the fd.

        Raises: Conflict if over.
        """

    async def delete(self) -> None:
        """Kill what is left, release cgroup, sockets, directory, exit status. Idempotent.

        Clients that are attached are still served what the container has written.
        """


@runtime_checkable
class RuntimeDriver(Protocol):
    """Conformance: ck.kernel.testing.runtime."""

    name: str

    async def open(self, state: Path, persistent: Path) -> None:
        """Use *state* (a directory on tmpfs, gone after a reboot) and *persistent* (caches on disk).

        Call once, first.
        """

    async def create(self, bundle: Bundle) -> RuntimeContainer:
        """Make namespaces, cgroup and mounts, all but executing the program. Raises: StartFailed, Unsupported,
        InvalidArgument; then nothing is left."""

    async def check(self, resources: Mapping[str, Any]) -> Sequence[str]:
        """What of `linux.resources` of the OCI spec this host cannot enforce, in sentences.

        Raises: InvalidArgument, Unsupported.
        """

    async def mapping_obstacle(self, paths: Sequence[Path]) -> str:
        """Why containers cannot have users of their own, where their files lie at *paths*; "" where they can."""

    async def make_namespaces(self, users: Sequence[IdMapping], groups: Sequence[IdMapping]) -> OwnNamespaces:
        """For a container with users of its own. Raises: Unsupported where the kernel has no user namespaces."""

    async def recover(self) -> Sequence[RuntimeContainer]:
        """Every run that `create` made and `delete` has not ended, whoever made it: also those that are over, whose
        `wait` returns at once. Call once, after `open`.

        What was never started, wholly or half made, is removed instead.
        """

    async def features(self) -> Mapping[str, object]:
        """What `ck info` tells of it (cgroup version, seccomp, versions)."""

    async def close(self) -> None:
        """Let go; containers run on."""
