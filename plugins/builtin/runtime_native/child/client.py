"""One attached client, served over its own socket."""

import socket
import struct
from typing import Final, Protocol

from ck.plugins.builtin.runtime_native.child.detach_keys import DetachKeys
from ck.plugins.builtin.runtime_native.child.loop import HANGUP, READABLE, WRITABLE, Loop
from ck.plugins.builtin.runtime_native.child.spill import SpillQueue

_FRAME: Final = struct.Struct("!BxxxI")  # Docker Engine API, ContainerAttach, "Stream format"
_STATUS: Final = 4  # STATUS_STREAM of ck.kernel.drivers.runtime
_TYPED: Final = 1 << 16


class Hub(Protocol):
    """What a client is attached to."""

    def typed(self, data: bytes) -> None:
        """The client sent stdin."""

    def typed_all(self) -> None:
        """The client half-closed: its stdin ends."""

    def relieved(self) -> None:
        """The client's queue has room again."""

    def left(self, client: "Client") -> None:
        """The client's socket is closed."""


class Client:
    """Sends output as Docker's frames, or raw from a terminal; hands stdin to its hub.

    Never blocks: what the socket does not take waits in *queue*. A client that is gone is dropped without a trace.

    *streams* are the numbers that it wants (1 stdout, 2 stderr), *keys* scans its stdin, None where it sends none. With
    *status* the exit code is its last frame.
    """

    __slots__ = (
        "_events",
        "_finishing",
        "_hub",
        "_keys",
        "_listening",
        "_loop",
        "_queue",
        "_raw",
        "_sock",
        "_status",
        "_streams",
    )

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        hub: Hub,
        queue: SpillQueue,
        *,
        raw: bool,
        status: bool,
        streams: tuple[int, ...],
        keys: DetachKeys | None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._hub = hub
        self._queue = queue
        self._raw = raw
        self._status = status
        self._streams = streams
        self._keys = keys
        self._listening = True
        self._finishing = False
        sock.setblocking(False)
        self._events = READABLE if keys else 0
        loop.watch(sock.fileno(), self._events, self._serve)

    @property
    def full(self) -> bool:
        """Whether the process should be read no further until this client has caught up."""
        return self._queue.full

    def send(self, stream: int, chunk: bytes) -> None:
        """Send *chunk* of *stream*, if this client wants it."""
        if stream not in self._streams:
            return
        if not self._raw:
            # Apart, so that the chunk is shared with the other clients and the log; sendmsg joins them.
            self._queue.append(_FRAME.pack(stream, len(chunk)))
        self._queue.append(chunk)
        if not self._events & WRITABLE:
            self._flush()

    def receive(self, data: bytes) -> None:
        """Take *data* as if the client had sent it."""
        if self._keys is None:
            return
        passed, detach = self._keys.feed(data)
        if passed:
            self._hub.typed(passed)
        if detach:
            self.drop()

    def listen(self, listening: bool) -> None:
        """Read the client's stdin, or let it wait in the socket."""
        self._listening = listening
        self._update()

    def finish(self, code: int) -> None:
        """No more output comes, the process ended with *code*: close once all is sent."""
        if self._status and not self._finishing:
            digits = b"%d" % code
            self._queue.append(_FRAME.pack(_STATUS, len(digits)) + digits)
        self._finishing = True
        self._keys = None
        self._flush()

    def drop(self) -> None:
        """Close now; what is queued is lost."""
        if self._sock.fileno() >= 0:
            self._loop.forget(self._sock.fileno())
            _hang_up(self._sock)
            self._leave()

    def let_go(self) -> None:
        """Serve it no more, but leave the connection open for who holds it too."""
        if self._sock.fileno() >= 0:
            self._loop.forget(self._sock.fileno())
            self._leave()

    def _leave(self) -> None:
        self._keys = None
        self._queue.close()
        self._sock.close()
        self._hub.left(self)

    def _serve(self, events: int) -> None:
        if events & HANGUP:
            # The peer wrote its last and left: what it wrote counts. A socket's buffer is small, so this ends soon.
            while self._read():
                continue
            self.drop()
            return
        if events & WRITABLE:
            self._flush()
        if events & READABLE:
            self._read()

    def _read(self) -> bool:
        """Read stdin once; return whether there may be more."""
        if self._keys is None:
            return False
        try:
            data = self._sock.recv(_TYPED)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.receive(data)
            return True
        if rest := self._keys.rest():
            self._hub.typed(rest)
        self._keys = None
        self._hub.typed_all()
        self._update()
        return False

    def _flush(self) -> None:
        was_full = self._queue.full
        try:
            while self._queue:
                self._queue.consume(self._sock.sendmsg(self._queue.peek(), (), socket.MSG_NOSIGNAL))
        except BlockingIOError:
            pass  # The socket is full; WRITABLE comes when it is not.
        except OSError:
            self.drop()
            return
        if self._finishing and not self._queue:
            self.drop()
            return
        self._update()
        if was_full and not self._queue.full:
            self._hub.relieved()

    def _update(self) -> None:
        if self._sock.fileno() < 0:
            return
        events = (READABLE if self._keys is not None and self._listening else 0) | (WRITABLE if self._queue else 0)
        if events != self._events:
            self._loop.change(self._sock.fileno(), events)
            self._events = events


def _hang_up(sock: socket.socket) -> None:
    """End the connection so that the peer reads all that was sent, then EOF.

    Closed over unread bytes, a unix socket gives ECONNRESET.
    """
    try:
        sock.shutdown(socket.SHUT_RDWR)
        while sock.recv(_TYPED):
            continue
    except OSError:
        return  # The peer is gone already.
