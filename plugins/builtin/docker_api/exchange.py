"""What a handler sees of HTTP: the request, its reply, and the channel for answers that are not one reply."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import attrs

from ck.kernel.api.engine import Engine
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api.versions import ApiVersion

JSON: Final = "application/json"
TAR: Final = "application/x-tar"
Headers = tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class Reply:
    """A whole answer. An empty body has no media type."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()


NO_CONTENT: Final = Reply(status=204)
NOT_MODIFIED: Final = Reply(status=304)
EMPTY: Final = Reply()


def json_bytes(value: object) -> bytes:
    """One JSON document with its newline, as Docker's encoder ends each."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status=status, body=json_bytes(value))


class ClientGone(Exception):
    """The client hung up; there is nothing more to do for it."""


@attrs.frozen
class Hijacked:
    """The client's socket, taken over; `initial` are bytes that came after the request and belong to the stream."""

    socket: socket.socket
    initial: bytes


class Channel(Protocol):
    """The connection, for handlers whose answer is a stream. Every method raises ClientGone."""

    async def open_stream(self, content_type: str, headers: Headers = ()) -> None:
        """Send the head of a response whose body follows piece by piece."""

    async def send(self, chunk: bytes) -> None:
        """Send a piece of the body; an empty one is nothing."""

    async def end_stream(self) -> None:
        """Say that the body is whole, though the handler may have something to clean up yet."""

    def body(self) -> AsyncIterator[bytes]:
        """The pieces of the request's body, for a route with `streams_body`."""

    async def until_gone(self) -> None:
        """Return when the client hangs up. Only once the body has been read; for a route that is not `watched`."""

    async def hijack(self, content_type: str, headers: Headers = ()) -> Hijacked:
        """Answer that from here on the connection is a raw stream, and let go of it."""


class Query:
    """The query of a request. As in Docker, the first of several equal names counts, and an empty value is none."""

    def __init__(self, text: str) -> None:
        self._pairs: Final = parse_qsl(text, keep_blank_values=True) if text else []

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name and value]

    def text(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._pairs if key == name and value), default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Docker's reading: anything but these words is true."""
        value = self.text(name).strip().lower()
        return value not in ("0", "no", "false", "none") if value else default

    def number(self, name: str) -> int | None:
        """Raises: InvalidArgument for what is not a whole number."""
        value = self.text(name)
        if not value:
            return None
        if not value.removeprefix("-").isdecimal() or len(value) > 19:
            raise InvalidArgument(f"{name} must be a whole number, not {value!r}")
        return int(value)

    def json(self, name: str) -> Any:
        """A value that is JSON text; None without it."""
        value = self.text(name)
        return parse_json(value.encode(), f"query parameter {name}") if value else None


NO_QUERY: Final = Query("")


def parse_json(text: bytes, what: str) -> Any:
    """Parse strictly what a stranger sent. Raises: InvalidArgument, naming *what* was malformed."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if b"\\u" in text:
            # A lone surrogate has no UTF-8 and would fail only later, far from here.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise InvalidArgument(f"{what} is not valid JSON: {exc}") from None
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


@attrs.define(kw_only=True)
class Request:
    """One request, routed. `headers` have lower-case names; `body` is whole unless the route streams it."""

    method: str
    path: str
    params: Mapping[str, str]
    query: Query
    headers: Mapping[str, str]
    version: ApiVersion
    engine: Engine
    channel: Channel
    body: bytes = b""

    @property
    def id(self) -> str:
        """What the path names: a container, image, volume, network or exec session."""
        return self.params["id"]

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty one. Raises: InvalidArgument."""
        value = parse_json(self.body, "the request body") if self.body.strip() else None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidArgument(f"the request body must be a JSON object, not {type(value).__name__}")
        return value

    def filters(self) -> dict[str, list[str]]:
        """The query's `filters`, {"name": ["value", ...]}; the old form {"name": {"value": true}} is read too."""
        value = self.query.json("filters")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidArgument(f"filters must be a JSON object, not {self.query.text('filters')!r}")
        return {name: _filter_values(name, values) for name, values in value.items()}


def _filter_values(name: str, values: object) -> list[str]:
    if isinstance(values, dict):
        values = [value for value, wanted in values.items() if wanted]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidArgument(f"the values of filter {name!r} must be a list of strings")
    return values


Handler = Callable[[Request], Awaitable[Reply | None]]
"""Returns the reply, or None where the handler answered through the channel."""
