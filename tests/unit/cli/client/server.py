"""A small real server on a unix socket, which answers with the bytes that a test gives it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(path: Path, *handlers: Handler) -> Iterator[list[BaseException]]:
    """Within the `with` block, each connection is served by the next of *handlers*; their failures fail the test."""
    failures: list[BaseException] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            for handler in handlers:
                connection, _ = listener.accept()
                with connection:
                    try:
                        handler(connection)
                    except BaseException as error:
                        failures.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield failures
        finally:
            thread.join(10)
            path.unlink()
    if failures:
        raise failures[0]


def read_request(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """The request line, the headers (lower case) and the body by Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return line, headers, body


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes) -> bytes:
    """A whole chunked response."""
    body = b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nTrailer: x\r\n\r\n"
