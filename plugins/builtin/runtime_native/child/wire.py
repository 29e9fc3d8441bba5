"""Typed messages between ckd, forkserver, shim and container init, over SOCK_SEQPACKET unix sockets.

A packet is a header (kind, flags) and a dictionary; file descriptors ride along as SCM_RIGHTS. A body beyond INLINE
bytes travels in a memfd, the last descriptor of its packet, so no sender ever meets the socket's packet limit. The body
is marshalled in FORMAT, which every Python 3 reads, because a shim outlives upgrades of ckd and of Python; and marshal
is C alone, while a JSON codec in Python would cost each shim 200 KB of memory. Both ends of every socket are ours.

Each role has a sender class with its legal messages only; what the fields mean stands there. Standard library only.
"""

import array
import enum
import marshal
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple


class Kind(enum.IntEnum):
    """Every message there is. Numbers are never used twice: shims of an older ckd speak to a newer one."""

    # ckd -> forkserver
    SPAWN = 1
    NAMESPACES = 2
    # ckd -> shim
    GO = 10  # also shim -> child
    ATTACH = 11
    RESIZE = 12
    EXEC = 13
    EXEC_SIGNAL = 14
    EXEC_FORGET = 15
    STATE = 16
    DELETE = 17
    # shim -> ckd
    READY = 30  # also child -> shim
    FAILED = 31  # also child -> shim, and forkserver -> ckd
    EXITED = 32
    EXEC_EXITED = 33
    DONE = 34
    REFUSED = 35
    OOM = 36
    # forkserver -> ckd
    HELD = 37
    # between the shim and its helper
    FORKED = 40
    ORDER = 41


_KINDS: Final = {int(kind): kind for kind in Kind}


class Message(NamedTuple):
    """One received message. The receiver owns `fds` (close-on-exec) and must close them."""

    kind: Kind
    payload: dict[str, Any]
    fds: list[int]


class WireError(Exception):
    """A packet is not one of ours."""


FORMAT: Final = 2
INLINE: Final = 32768
MAX_FDS: Final = 8
SHIM_SOCKET: Final = "shim.sock"
"""Where a shim listens, in its directory, from READY on."""
REHEARSALS: Final = "rehearsal"
"""The directory beside those of runs in which forkservers rehearse, each in one that is called by its PID."""
_HEADER: Final = struct.Struct("!BB")
_BODY_IN_MEMFD: Final = 1
_ANCILLARY: Final = socket.CMSG_SPACE((MAX_FDS + 1) * 4)


def encode(payload: dict[str, Any]) -> bytes:
    """The body of *payload*, made of plain values only.

    Lone surrogates (undecodable arguments and file names) survive.
    """
    return marshal.dumps(payload, FORMAT)


def decode(body: bytes) -> dict[str, Any]:
    """The opposite of `encode`. Raises: WireError."""
    try:
        payload = marshal.loads(body)
    except (ValueError, EOFError, TypeError) as exc:
        raise WireError(f"a message's body cannot be read: {exc}") from exc
    if not isinstance(payload, dict):
        raise WireError(f"a message's body is {type(payload).__name__}, not a dictionary")
    return payload


def send(sock: socket.socket, kind: Kind, payload: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message; the sender keeps its own copies of *fds*.

    Raises: OSError (BrokenPipeError, ConnectionResetError: the peer is gone; BlockingIOError: a non-blocking socket is
    full).
    """
    body = encode(payload)
    if len(body) <= INLINE:
        _send(sock, _HEADER.pack(kind, 0) + body, fds)
        return
    memfd = os.memfd_create("ck-message", os.MFD_CLOEXEC)
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(memfd, view) :]
        _send(sock, _HEADER.pack(kind, _BODY_IN_MEMFD), [*fds, memfd])
    finally:
        os.close(memfd)


def _send(sock: socket.socket, packet: bytes, fds: Sequence[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    # A peer that is gone is an error to handle, never a signal to die of.
    sock.sendmsg([packet], ancillary, socket.MSG_NOSIGNAL)


def recv(sock: socket.socket) -> Message | None:
    """The next message, or None when the peer is gone.

    Raises: WireError; BlockingIOError where a non-blocking socket has nothing.
    """
    try:
        packet, ancillary, flags, _ = sock.recvmsg(INLINE + _HEADER.size, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    fds: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += array.array("i", data[: len(data) // 4 * 4])
    if not packet:
        return None
    try:
        return _parse(packet, flags, fds)
    except (WireError, OSError):
        for fd in fds:
            os.close(fd)
        raise


def _parse(packet: bytes, flags: int, fds: list[int]) -> Message:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(packet) < _HEADER.size:
        raise WireError(f"message of {len(packet)} bytes is cut short")
    number, where = _HEADER.unpack_from(packet)
    kind = _KINDS.get(number)
    if kind is None:
        raise WireError(f"message kind {number} is not known")
    body = packet[_HEADER.size :]
    if where & _BODY_IN_MEMFD:
        if not fds:
            raise WireError(f"message {kind.name} came without its body")
        memfd = fds.pop()
        with open(memfd, "rb") as file:
            file.seek(0)
            body = file.read()
    return Message(kind, decode(body), fds)


class Sender:
    """Base of the roles: holds the socket."""

    __slots__ = ("sock",)

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def _send(self, kind: Kind, fds: Sequence[int] = (), **payload: Any) -> None:
        send(self.sock, kind, payload, fds)


class CkdToForkserver(Sender):
    """What ckd may ask of the forkserver."""

    __slots__ = ()

    def spawn(self, plan: str, directory: str, control: int, settings: Mapping[str, Any]) -> None:
        """Fork a shim for the plan file *plan*; *directory* is its own to write in, *control* its end of a `pair`. The
        answer comes over that pair: READY or FAILED.

        *settings* are what the shim itself must know: `cgroup` (plan.CgroupPlan), `terminal`, `open_stdin`,
        `stdin_once`, `log_format`, `log_directory`, `log_max_size`, `log_max_files`.
        """
        self._send(Kind.SPAWN, (control,), plan=plan, directory=directory, settings=settings)

    def namespaces(self, control: int) -> None:
        """Hold a new user namespace and a network namespace of its own for as long as the other end of *control*, a
        `pair`, is open: HELD with the PID that has them, or FAILED, comes over it."""
        self._send(Kind.NAMESPACES, (control,))


class CkdToShim(Sender):
    """What ckd may ask of a shim. Each is answered by DONE or REFUSED with the same `request`.

    `target` is "" for the container's init, else the ID of an exec session.
    """

    __slots__ = ()

    def go(self, request: int) -> None:
        """Execute the program. DONE carries `time` (UNIX, ns); REFUSED the fields of `failure`."""
        self._send(Kind.GO, request=request)

    def attach(self, request: int, client: int, options: Mapping[str, Any]) -> None:
        """Serve the socket *client*; *options* are those of `attach_options`."""
        self._send(Kind.ATTACH, (client,), request=request, **options)

    def resize(self, request: int, target: str, rows: int, columns: int) -> None:
        """Set the terminal's size, in characters."""
        self._send(Kind.RESIZE, request=request, target=target, rows=rows, columns=columns)

    def exec(self, request: int, exec_id: str, plan: int, client: int | None, session: Mapping[str, Any]) -> None:
        """Start an exec session of the plan in the file *plan* (JSON of plan.ExecPlan).

        *session* is `terminal` and `attach` (`attach_options`; None without a *client*, and then its output is
        dropped). DONE carries `pid`; REFUSED the fields of `failure`.
        """
        fds = (plan,) if client is None else (plan, client)
        self._send(Kind.EXEC, fds, request=request, exec_id=exec_id, **session)

    def exec_signal(self, request: int, exec_id: str, number: int) -> None:
        """Send a signal to a session's process; one that is gone is success."""
        self._send(Kind.EXEC_SIGNAL, request=request, exec_id=exec_id, number=int(number))

    def exec_forget(self, request: int, exec_id: str) -> None:
        """Drop an ended session: its status is known, its client may see the end of the stream."""
        self._send(Kind.EXEC_FORGET, request=request, exec_id=exec_id)

    def state(self, request: int) -> None:
        """DONE carries what a new ckd must know.

        That is `pid`, `started` (whether GO came), `exit` (the fields of EXITED, or None), `execs` (ID to the fields of
        EXEC_EXITED, or None for one that runs), `oom` (the last OOM's), and a pidfd of the init unless it is gone.
        """
        self._send(Kind.STATE, request=request)

    def delete(self, request: int) -> None:
        """The run is over for ckd: close all control connections, leave when the clients have got what is theirs."""
        self._send(Kind.DELETE, request=request)


class ForkserverToCkd(Sender):
    """The forkserver speaks only where no shim can."""

    __slots__ = ()

    def held(self, pid: int) -> None:
        """Process *pid* has the namespaces."""
        self._send(Kind.HELD, pid=pid)

    def failed(self, failure: Mapping[str, Any]) -> None:
        """The shim could not be forked; *failure* has the fields of `failure`."""
        self._send(Kind.FAILED, **failure)


class ShimToCkd(Sender):
    """What a shim tells ckd."""

    __slots__ = ()

    def ready(self, pid: int, pidfd: int) -> None:
        """The container stands, all but executed. *pid* and *pidfd* are its init's, on the host."""
        self._send(Kind.READY, (pidfd,), pid=pid)

    def failed(self, failure: Mapping[str, Any]) -> None:
        """The container could not be made; *failure* has the fields of `failure`."""
        self._send(Kind.FAILED, **failure)

    def exited(self, status: Mapping[str, Any]) -> None:
        """The init is gone, its output is in the log.

        *status*: `code` (128 + n by signal n), `time` (UNIX, ns), `oom` (whose limit, "" for no OOM), `signal`
        (that ended it, or 0).
        """
        self._send(Kind.EXITED, **status)

    def oom(self, kills: int, limit: str) -> None:
        """The kernel has killed a process for want of memory, *kills* so far; see ck.kernel.linux.cgroup.Oom."""
        self._send(Kind.OOM, kills=kills, limit=limit)

    def exec_exited(self, exec_id: str, status: Mapping[str, Any]) -> None:
        """A session ended; *status* as in `exited`. Its client sees EOF upon `exec_forget`, or a second later."""
        self._send(Kind.EXEC_EXITED, exec_id=exec_id, **status)

    def done(self, request: int, fds: Sequence[int] = (), **answer: Any) -> None:
        """*request* is carried out."""
        self._send(Kind.DONE, fds, request=request, **answer)

    def refused(self, request: int, failure: Mapping[str, Any]) -> None:
        """*request* is not carried out; *failure* has the fields of `failure`."""
        self._send(Kind.REFUSED, request=request, **failure)


class ShimToChild(Sender):
    """What the shim tells the init."""

    __slots__ = ()

    def go(self) -> None:
        """Execute the program now."""
        self._send(Kind.GO)


class ShimToHelper(Sender):
    """What the shim tells a helper that was forked before there was anything to make."""

    __slots__ = ()

    def order(self, plan: str, stdio: Sequence[int]) -> None:
        """Make the init of the container in the file *plan*; *stdio* are its three streams, none for a terminal."""
        self._send(Kind.ORDER, stdio, plan=plan)


class HelperToShim(Sender):
    """What the helper that forks such a child tells, over the same socket."""

    __slots__ = ()

    def forked(self, pid: int) -> None:
        """The child is *pid* on the host, and the shim's own."""
        self._send(Kind.FORKED, pid=pid)

    def failed(self, step: str, errno: int, message: str) -> None:
        """There will be none; see `failure`."""
        self._send(Kind.FAILED, **failure(step, errno, message))


class ChildToShim(Sender):
    """What a container's init or an exec session tells the shim, over `report`.

    Both send READY and execute, the init once it gets GO (`recv`; None: the shim is gone, leave). The end of file then
    says "executed": the socket is close-on-exec.
    """

    __slots__ = ()

    def ready(self, master: int | None = None) -> None:
        """All but executed; *master* is the pty's, where there is a terminal."""
        self._send(Kind.READY, () if master is None else (master,))

    def failed(self, step: str, errno: int, message: str, exit_code: int = 125) -> None:
        """See `failure`."""
        self._send(Kind.FAILED, **failure(step, errno, message, exit_code))


def failure(step: str, errno: int, message: str, exit_code: int = 125) -> dict[str, Any]:
    """The fields of FAILED and REFUSED: *message* is one plain sentence for the user; *step* and *errno* are for logs;
    *exit_code* is 125, 126, 127, or 128 + n where signal n was quicker."""
    return {"step": step, "errno": errno, "message": message, "exit_code": exit_code}


def attach_options(
    *, stdin: bool, stdout: bool, stderr: bool, status: bool, initial: bytes, detach_keys: bytes
) -> dict[str, Any]:
    """What ATTACH and EXEC say of a client; see AttachRequest of ck.kernel.drivers.runtime."""
    return {
        "stdin": stdin,
        "stdout": stdout,
        "stderr": stderr,
        "status": status,
        "initial": initial,
        "detach_keys": detach_keys,
    }


def pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair of sockets of the kind that `send` and `recv` want."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def at(directory: str, call: Callable[[str], object]) -> None:
    """Do *call* (bind or connect) with a short address of the shim's socket in *directory*.

    unix(7) has room for 107 bytes. Raises: OSError.
    """
    fd = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{SHIM_SOCKET}")
    finally:
        os.close(fd)
