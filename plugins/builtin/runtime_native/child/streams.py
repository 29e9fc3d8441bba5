"""The standard streams of one process: its pipes or its pty, the log they go to, the clients that share them."""

import fcntl
import os
import socket
import struct
import termios
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ck.plugins.builtin.runtime_native.child.client import Client
from ck.plugins.builtin.runtime_native.child.detach_keys import DetachKeys
from ck.plugins.builtin.runtime_native.child.loop import READABLE, WRITABLE, Loop
from ck.plugins.builtin.runtime_native.child.spill import CHUNK, SpillQueue

_TIOCGPTPEER: Final = 0x5441
_STDIN_QUEUE: Final = 1 << 16

STDOUT: Final = 1
STDERR: Final = 2

Sink = Callable[[int, bytes, int], None]
"""Takes (stream, chunk, UNIX time in ns)."""


class Input:
    """The shim's end of a process's stdin.

    Never blocks: what the process does not read yet waits here, and *drained* is called when `full` has passed.
    """

    __slots__ = ("_drained", "_ending", "_fd", "_loop", "_waiting")

    def __init__(self, loop: Loop, fd: int, drained: Callable[[], None]) -> None:
        os.set_blocking(fd, False)
        self._loop = loop
        self._fd = fd
        self._drained = drained
        self._waiting = bytearray()
        self._ending = False

    @property
    def full(self) -> bool:
        """Whether clients should wait."""
        return len(self._waiting) >= _STDIN_QUEUE

    def write(self, data: bytes) -> None:
        """Hand *data* on; dropped where the process has closed its stdin, as a pipe's writer would see."""
        if self._fd < 0 or self._ending:
            return
        if not self._waiting:
            self._loop.watch(self._fd, WRITABLE, self._flush)
        self._waiting += data
        self._flush()

    def end(self) -> None:
        """Close once all is written."""
        self._ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close now."""
        if self._fd >= 0:
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._waiting.clear()

    def _flush(self, _events: int = 0) -> None:
        was_full = self.full
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting)]
        except BlockingIOError:
            pass  # WRITABLE comes when the process has read some.
        except OSError:
            self.close()
        else:
            self._loop.forget(self._fd)
            if self._ending:
                self.close()
        if was_full and not self.full:
            self._drained()


class Output:
    """The shim's end of one output stream: reads chunks until the end."""

    __slots__ = ("_ended", "_fd", "_loop", "_number", "_paused", "_take")

    def __init__(
        self, loop: Loop, fd: int, number: int, take: Callable[[int, bytes], None], ended: Callable[["Output"], None]
    ) -> None:
        os.set_blocking(fd, False)
        self._loop = loop
        self._fd = fd
        self._number = number
        self._take = take
        self._ended = ended
        self._paused = False
        loop.watch(fd, READABLE, self._read)

    def pause(self, paused: bool) -> None:
        """Read no further, or go on."""
        if paused == self._paused or self._fd < 0:
            return
        self._paused = paused
        if paused:
            # Not merely no events: HANGUP would come again and again.
            self._loop.forget(self._fd)
        else:
            self._loop.watch(self._fd, READABLE, self._read)

    def _read(self, _events: int) -> None:
        try:
            chunk = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            # EIO: nobody holds the pty's other side any more, and all that was written to it has been read (pty(7)).
            chunk = b""
        if chunk:
            self._take(self._number, chunk)
            return
        self._loop.forget(self._fd)
        os.close(self._fd)
        self._fd = -1
        self._ended(self)


class Streams:
    """Sends a process's output to *sink* (None: nowhere) and to every client, and the clients' stdin to the process.

    `stdin_once`: stdin is closed when the first client with stdin closes its own. *open_spill* makes a slow client's
    file. *emptied* is called when the last client has left.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        terminal: bool,
        stdin_once: bool,
        sink: Sink | None,
        open_spill: Callable[[], int],
        emptied: Callable[[], None],
    ) -> None:
        self.terminal = terminal
        self._loop = loop
        self._stdin_once = stdin_once
        self._sink = sink
        self._open_spill = open_spill
        self._input: Input | None = None
        self._outputs: list[Output] = []
        self._clients: list[Client] = []
        self._slave = -1
        self._draining: Callable[[], None] | None = None
        self._finished: int | None = None  # the exit code
        self._emptied = emptied

    def open_pipes(self, stdin: int | None, stdout: int, stderr: int) -> None:
        """Serve these ends; they are the streams' own from now on."""
        if stdin is not None:
            self._input = Input(self._loop, stdin, self._listen)
        self._outputs = [self._output(stdout, STDOUT), self._output(stderr, STDERR)]

    def open_terminal(self, master: int, stdin: bool) -> None:
        """Serve the pty *master*."""
        # Held open, so that a program which closes its terminal and opens it again does not look like one that ended.
        self._slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        if stdin:
            # An fd of its own, because epoll watches one only once.
            self._input = Input(self._loop, os.dup(master), self._listen)
        self._outputs = [self._output(master, STDOUT)]

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size; without one, or with a size that nobody knows, nothing."""
        if self._slave >= 0 and rows and columns:
            fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def attach(self, sock: socket.socket, options: Mapping[str, Any]) -> None:
        """Serve one more client; *options* are those of wire.attach_options."""
        streams = (STDOUT,) * options["stdout"] + (STDERR,) * options["stderr"]
        keys = DetachKeys(options["detach_keys"] if self.terminal else b"")
        client = Client(
            self._loop,
            sock,
            self,
            SpillQueue(self._open_spill),
            raw=self.terminal and not options["status"],
            status=options["status"],
            streams=streams,
            keys=keys if options["stdin"] else None,
        )
        self._clients.append(client)
        if initial := options["initial"]:
            client.receive(initial)
        if self._finished is not None:
            client.finish(self._finished)
        else:
            self._listen()

    @property
    def empty(self) -> bool:
        """Whether no client is left."""
        return not self._clients

    def drain(self, seconds: float, drained: Callable[[], None]) -> None:
        """The process is gone: read what it left, then call *drained*.

        After *seconds* at the latest, since a process that inherited a pipe may hold it open for ever. What comes later
        is dropped.
        """
        if self._input is not None:
            self._input.close()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
        timer = self._loop.after(seconds, self._drained)

        def once() -> None:
            timer.cancel()
            self._draining = None
            self._sink = None
            drained()

        self._draining = once
        for output in self._outputs:
            # What is left is at most the pipe's own buffer, so a slow client is no reason to wait.
            output.pause(False)
        if not self._outputs:
            once()

    def finish(self, code: int) -> None:
        """No more output comes, the process ended with *code*: clients are closed when they have got all."""
        self._finished = code
        for client in list(self._clients):
            client.finish(code)

    def abandon(self) -> None:
        """The process never ran: its clients are as they were, for whoever else holds their sockets."""
        for client in list(self._clients):
            client.let_go()

    def typed(self, data: bytes) -> None:
        """See client.Hub."""
        if self._input is not None:
            self._input.write(data)
            self._listen()

    def typed_all(self) -> None:
        """See client.Hub."""
        if self._input is not None and self._stdin_once and not self.terminal:
            self._input.end()

    def relieved(self) -> None:
        """See client.Hub."""
        self._pause()

    def left(self, client: Client) -> None:
        """See client.Hub."""
        self._clients.remove(client)
        self._pause()
        if not self._clients:
            self._emptied()

    def _output(self, fd: int, number: int) -> Output:
        return Output(self._loop, fd, number, self._take, self._output_ended)

    def _take(self, number: int, chunk: bytes) -> None:
        if self._sink is not None:
            self._sink(number, chunk, time.time_ns())
        if self._finished is not None:
            return
        for client in list(self._clients):
            client.send(number, chunk)
        self._pause()

    def _output_ended(self, output: Output) -> None:
        self._outputs.remove(output)
        if not self._outputs:
            self._drained()

    def _drained(self) -> None:
        if self._draining is not None:
            self._draining()

    def _pause(self) -> None:
        full = self._draining is None and any(client.full for client in self._clients)
        for output in self._outputs:
            output.pause(full)

    def _listen(self) -> None:
        full = self._input is not None and self._input.full
        for client in self._clients:
            client.listen(not full)
