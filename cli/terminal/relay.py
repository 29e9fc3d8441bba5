"""Between an attached stream and this process's stdin, stdout and stderr."""

from __future__ import annotations

import os
from _socket import MSG_DONTWAIT, MSG_NOSIGNAL
from select import POLLIN, POLLOUT, poll

from ck.cli.client.connection import RECEIVE_BYTES, Connection
from ck.cli.terminal.detach import DetachFilter
from ck.cli.terminal.frames import ENGINE_ERROR, EXIT_CODE, STDOUT, Frames

STDIN_BYTES = 64 * 1024
SIGNALS = 512


class Relay:
    """Runs until the stream ends or the user detaches.

    Output is written blocking: a slow reader of ours slows us down, the engine keeps what we do not take. Input never
    blocks: a container that reads nothing must not keep its output from us.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        framed: bool,
        stdin: bool,
        detach_keys: bytes = b"",
        outputs: tuple[int, int] = (1, 2),
        awake: int = -1,
    ) -> None:
        """*framed*: output comes in frames, not raw. *stdin*: pass ours on. *outputs*: file descriptors for stdout and
        stderr. *awake*: that of Handlers."""
        self._told = {EXIT_CODE: b"", ENGINE_ERROR: b""}
        self._connection = connection
        self._socket = connection.socket
        self._frames = Frames() if framed else None
        self._outputs, self._awake = outputs, awake
        self._detach = DetachFilter(detach_keys)
        self._stdin = stdin
        self._pending = memoryview(b"")  # typed, not yet sent

    @property
    def exit_code(self) -> int | None:
        """What the stream told of the program's end."""
        digits = self._told[EXIT_CODE]
        return int(digits) if digits else None

    @property
    def engine_error(self) -> str:
        """Why there was no program, "" where there was one."""
        return self._told[ENGINE_ERROR].decode("utf-8", "replace")

    def run(self) -> bool:
        """Return True if the user detached, False if the stream ended. Raises: BrokenPipeError if stdout was closed."""
        self._show(self._connection.take_rest())
        stream = self._socket.fileno()
        poller = poll()
        poller.register(stream, POLLIN)
        if self._awake >= 0:
            poller.register(self._awake, POLLIN)
        reading = False
        while True:
            if self._stdin and not self._pending and not reading:
                poller.register(0, POLLIN)
                reading = True
            elif reading and (self._pending or not self._stdin):
                poller.unregister(0)
                reading = False
            poller.modify(stream, POLLIN | POLLOUT if self._pending else POLLIN)
            for descriptor, ready in poller.poll():
                if descriptor == 0:
                    if self._read_stdin():
                        return True
                    continue
                if descriptor == self._awake:
                    os.read(descriptor, SIGNALS)  # acted on by now
                    continue
                if ready & POLLOUT and self._pending:
                    self._send()
                if ready & ~POLLOUT and not self._receive():
                    return False

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(RECEIVE_BYTES, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> None:
        if self._frames is None:
            write_all(self._outputs[0], data)
            return
        for number, piece in self._frames.feed(data):
            if number in self._told:
                self._told[number] += piece
            else:
                write_all(self._outputs[0] if number <= STDOUT else self._outputs[1], piece)

    def _read_stdin(self) -> bool:
        """Return True if the detach keys were typed."""
        try:
            typed = os.read(0, STDIN_BYTES)
        except OSError:
            typed = b""  # a terminal that was hung up (EIO), or a closed descriptor (EBADF): the end of input
        if not typed:
            self._stdin = False
            self._connection.half_close()
            return False
        passed, detached = self._detach.feed(typed)
        self._pending = memoryview(passed)
        if passed:
            self._send()
        return detached

    def _send(self) -> None:
        try:
            self._pending = self._pending[self._socket.send(self._pending, MSG_DONTWAIT | MSG_NOSIGNAL) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            # The container closed its stdin or ended; its last output may still be on the way.
            self._stdin, self._pending = False, memoryview(b"")


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*, also where somebody made the descriptor non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            poller = poll()
            poller.register(descriptor, POLLOUT)
            poller.poll()
