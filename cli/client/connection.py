"""One HTTP/1.1 connection (RFC 9112) to a unix socket, blocking.

`_socket` is the C part of socket: the Python part costs 7 ms to import (selectors, enum) and adds nothing that is used
here.
"""

from __future__ import annotations

from _socket import AF_UNIX, MSG_NOSIGNAL, SHUT_WR, SOCK_STREAM, socket

from ck.cli.errors import ConnectionFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RECEIVE_BYTES = 256 * 1024
MAX_HEAD_BYTES = 64 * 1024
CHUNKED = None  # as a body length


class Connection:
    """Send a request, receive its response, read the body to its end; then the next."""

    def __init__(self, path: str) -> None:
        """Raises: OSError of connect(2)."""
        self.socket = socket(AF_UNIX, SOCK_STREAM)
        self.reusable = True
        self._buffer = b""
        self._method = ""
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None = None
    ) -> None:
        """Send one request; an iterable body goes out chunked."""
        self._method = method
        lines = [f"{method} {target} HTTP/1.1", "Host: ck"]
        lines.extend(f"{name}: {value}" for name, value in headers.items())
        if body is None:
            if method == "POST":
                lines.append("Content-Length: 0")
        elif isinstance(body, bytes):
            lines.append(f"Content-Length: {len(body)}")
        else:
            lines.append("Transfer-Encoding: chunked")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        try:
            if body is None or isinstance(body, bytes):
                self._send_all(head + (body or b""))
            else:
                self._send_all(head)
                self._send_chunks(body)
        except (BrokenPipeError, ConnectionResetError):
            # The server may have refused the request half way: what it said is still to be read.
            self.reusable = False

    def _send_chunks(self, body: Iterable[bytes]) -> None:
        for piece in body:
            if piece:
                self._send_all(b"%x\r\n%b\r\n" % (len(piece), piece))
        self._send_all(b"0\r\n\r\n")

    def _send_all(self, data: bytes) -> None:
        self.socket.sendall(data, MSG_NOSIGNAL)

    def receive(self) -> Response:
        """Read the head of the next response. Raises: ConnectionFailed."""
        while True:
            response = self._receive_head()
            if response.status >= 200 or response.status == 101:
                return response

    def _receive_head(self) -> Response:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ConnectionFailed("the engine's answer has an endless header")
            self._fill()
        head, self._buffer = self._buffer[:end].decode("latin-1"), self._buffer[end + 4 :]
        first, *lines = head.split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ConnectionFailed(f"the engine's answer is not HTTP: {first[:80]!r}")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("connection", "").lower() == "close" or version == "HTTP/1.0":
            self.reusable = False
        status = int(rest[:3])
        return Response(self, status, headers, bodiless=self._method == "HEAD" or status in {204, 304})

    def _fill(self) -> None:
        if not (data := self.read_some()):
            raise ConnectionFailed("the engine closed the connection")
        self._buffer += data

    def read_some(self) -> bytes:
        """What has arrived, b"" at the end of the stream."""
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except ConnectionResetError:
            return b""

    def take(self, limit: int) -> bytes:
        """At least one byte and at most *limit*. Raises: ConnectionFailed at the end of the stream."""
        if not self._buffer:
            self._fill()
        piece, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return piece

    def take_line(self) -> bytes:
        """Up to the next CRLF, which is dropped."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._fill()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def take_rest(self) -> bytes:
        """What is buffered; the stream goes on at the socket."""
        rest, self._buffer = self._buffer, b""
        return rest

    def half_close(self) -> None:
        """Tell the peer that nothing more will be sent."""
        try:
            self.socket.shutdown(SHUT_WR)
        except OSError:
            self.reusable = False  # the peer is gone already: the reader will find out

    def close(self) -> None:
        self.socket.close()


class Response:
    """A response; its body is read once, by `chunks`, `read` or the owner of a hijacked connection."""

    __slots__ = ("_bodiless", "connection", "headers", "status")

    def __init__(self, connection: Connection, status: int, headers: dict[str, str], *, bodiless: bool) -> None:
        self.connection, self.status, self.headers, self._bodiless = connection, status, headers, bodiless

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces, as they arrive. Raises: ConnectionFailed if it breaks off."""
        connection = self.connection
        if self._bodiless:
            return
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(connection.take_line().partition(b";")[0], 16):
                yield from self._exactly(size)
                connection.take_line()
            while connection.take_line():
                continue  # trailers
        elif (length := self.headers.get("content-length")) is not None:
            yield from self._exactly(int(length))
        else:
            connection.reusable = False
            yield connection.take_rest()
            while piece := connection.read_some():
                yield piece

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.connection.take(size)
            size -= len(piece)
            yield piece

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def lines(self) -> Iterator[bytes]:
        """The body by lines, without the newlines and without empty ones; each as soon as it is complete."""
        rest = b""
        for piece in self.chunks():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line := line.strip():
                    yield line
        if rest := rest.strip():
            yield rest
