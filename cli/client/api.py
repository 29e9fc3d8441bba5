"""The Docker Engine API as Python calls: JSON in, JSON out, errors raised."""

from __future__ import annotations

import os
import sys

from ck.cli.client.codec import dumps, loads, query_string, quote
from ck.cli.client.connection import Connection, Response
from ck.cli.errors import ApiError, CliError, ConnectionFailed
from ck.cli.version import API_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

DEFAULT_RUN_ROOT = "/run/ck"
HIJACK = {"Upgrade": "tcp", "Connection": "Upgrade"}
# Frames also of a terminal, and the exit code as the last of them: see cli/terminal/frames.py.
HIJACK_WITH_STATUS = {"Upgrade": "ck-stream", "Connection": "Upgrade"}


def socket_path(host: str = "") -> str:
    """Where the engine listens: *host* (`unix:///PATH`), $CK_HOST, $CK_RUN_ROOT/ck.sock, /run/ck/ck.sock. Raises:
    CliError."""
    host = host or os.environ.get("CK_HOST", "")
    if not host:
        return os.environ.get("CK_RUN_ROOT", DEFAULT_RUN_ROOT) + "/ck.sock"
    path = host.removeprefix("unix://")
    if not path.startswith("/"):
        raise CliError(f"host {host!r} is not of the form unix:///PATH")
    return path


def _may_start_engine(host: str) -> bool:
    """Root may, unless CK_AUTOSTART=0. An engine named by its socket alone has roots that are not known here: one
    started for it would serve the default roots instead."""
    if os.geteuid() != 0 or os.environ.get("CK_AUTOSTART") == "0":
        return False
    return "CK_RUN_ROOT" in os.environ or not (host or os.environ.get("CK_HOST"))


class Client:
    """Speaks to one engine. Each connection carries one request at a time; one idle connection is kept."""

    def __init__(self, host: str = "", *, autostart: bool = True) -> None:
        self.path = socket_path(host)
        self.autostart = autostart and _may_start_engine(host)
        self._idle: Connection | None = None

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: object) -> Any:
        """GET and decode. Raises: ApiError, ConnectionFailed."""
        return self._decoded(self.request("GET", path, query, headers=headers))

    def post(
        self, path: str, body: object = None, meanwhile: Callable[[], None] | None = None, /, **query: object
    ) -> Any:
        """POST *body* as JSON and decode the answer. *meanwhile* is called while the engine works on it. Raises:
        ApiError, ConnectionFailed."""
        connection = self.send("POST", path, query, body)
        if meanwhile:
            meanwhile()
        return self._decoded(self.receive(connection))

    def delete(self, path: str, **query: object) -> Any:
        """DELETE and decode the answer. Raises: ApiError, ConnectionFailed."""
        return self._decoded(self.request("DELETE", path, query))

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        *,
        data: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request (*body* is JSON, *data* raw and chunked) and return its response, the body still to be
        read."""
        return self.receive(self.send(method, path, query, body, data=data, headers=headers))

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        *,
        data: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Connection:
        """Send a request without waiting for the response, so that several are under way at once; then `receive`."""
        connection = self._connection()
        target = f"/v{API_VERSION}{path}{query_string(query or {})}"
        if data is not None:
            connection.send(method, target, {"Content-Type": "application/x-tar", **(headers or {})}, data)
        elif body is not None:
            connection.send(method, target, {"Content-Type": "application/json", **(headers or {})}, dumps(body))
        else:
            connection.send(method, target, headers or {})
        return connection

    def receive(self, connection: Connection) -> Response:
        """The response to what `send` sent. Raises: ApiError for a status from 400 on."""
        response = connection.receive()
        if response.status >= 400:
            body = response.read()
            self.release(connection)
            raise _error(response.status, body)
        return response

    def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: object = None,
        *,
        data: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The JSON values of a streamed answer, as they come."""
        for line in self.request(method, path, query, body, data=data, headers=headers).lines():
            yield _json(line)

    def release(self, connection: Connection) -> None:
        """Give back a connection whose response was read to its end."""
        if connection.reusable and self._idle is None:
            self._idle = connection
        else:
            connection.close()

    def _decoded(self, response: Response) -> Any:
        body = response.read()
        self.release(response.connection)
        return _json(body) if body.strip() else None

    def _connection(self) -> Connection:
        idle, self._idle = self._idle, None
        if idle is not None:
            if not _readable(idle):
                return idle
            idle.close()  # the engine hung up while we were busy: an idle connection has nothing else to say
        try:
            return Connection(self.path)
        except OSError as error:
            if not self.autostart:
                raise self._unreachable(error) from None
        from ck.cli.client.autostart import start_engine

        start_engine(self.path)
        try:
            return Connection(self.path)
        except OSError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: OSError) -> ConnectionFailed:
        hint = "is ckd running? As root, ck starts it by itself" if os.geteuid() else "is ckd running?"
        return ConnectionFailed(
            f"cannot connect to the engine at unix://{self.path}: {error.strerror or error}; {hint}"
        )


def _readable(connection: Connection) -> bool:
    from select import POLLIN, poll

    poller = poll()
    poller.register(connection.socket.fileno(), POLLIN)
    return bool(poller.poll(0))


def _json(text: bytes) -> Any:
    """Raises: ConnectionFailed, as whoever says anything else is no engine."""
    try:
        return loads(text)
    except ValueError as error:
        raise ConnectionFailed(f"the engine's answer is {error}") from None


def _error(status: int, body: bytes) -> ApiError:
    """From Docker's ErrorResponse; ckd adds the exit code of a program that could not be started, and the sentence
    without words for Docker's client."""
    try:
        error = loads(body)
        return ApiError(status, str(error.get("sentence") or error["message"]).strip(), error.get("exitCode"))
    except (ValueError, KeyError, TypeError):
        text = body.decode("utf-8", "replace").strip()
        return ApiError(status, text or f"the engine answered with HTTP status {status}")


def name(ref: str) -> str:
    """A container, image, volume or network in a path; image names keep their slashes."""
    if not ref:
        raise CliError("an empty name or ID names nothing")
    return quote(ref, b"/:@")


def warn(messages: Iterable[str] | None) -> None:
    """Warnings of the engine, to stderr."""
    for message in messages or ():
        sys.stderr.write(f"WARNING: {message}\n")
