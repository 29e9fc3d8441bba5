"""One image from one registry or its mirrors: manifests whole and checked, blobs as streams that survive breaks."""

import logging
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final, TypeVar

import httpx
import trio

from ck.kernel.drivers.digest import verify
from ck.kernel.drivers.manifest import ACCEPTED, MAX_BYTES, read_document
from ck.kernel.drivers.platform import resolve
from ck.kernel.drivers.registry import Descriptor, Document, Manifest, Platform
from ck.kernel.errors import CkError, CorruptData, NotFound
from ck.plugins.builtin.registry_distribution._faults import Patience, TryAgain
from ck.plugins.builtin.registry_distribution._options import RegistryOptions
from ck.plugins.builtin.registry_distribution._reference import Reference, familiar
from ck.plugins.builtin.registry_distribution._tags import next_query, read_tags
from ck.plugins.builtin.registry_distribution.connection import Call, Connection

log: Final = logging.getLogger(__name__)
T = TypeVar("T")
TAGS_A_PAGE: Final = 1000
_NO_HEADERS: Final[Mapping[str, str]] = {}
CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-\d+/(\d{1,19}|\*)")


class DistributionSource:
    """See ck.kernel.drivers.registry.ImageSource."""

    def __init__(
        self,
        reference: Reference,
        connections: Sequence[Connection],
        options: RegistryOptions,
        downloads: trio.Semaphore,
    ) -> None:
        self.name = familiar(str(reference))
        self._reference, self._connections, self._options = reference, tuple(connections), options
        self._downloads = downloads

    async def manifest(self, platform: Platform) -> Manifest:
        return await self._from_first(lambda connection: self._manifest(connection, platform))

    async def document(self) -> Document:
        return read_document(await self._from_first(lambda each: self._document(each, self._reference.target)))

    async def tags(self) -> Sequence[str]:
        return await self._from_first(self._tags)

    async def _from_first(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        for position, connection in enumerate(self._connections):
            try:
                found = await ask(connection)
            except CkError as error:
                if not connection.endpoint.is_mirror:
                    raise
                log.warning("mirror %s is passed over: %s", connection.endpoint.url, error)
            else:
                # Mirrors that do not have the image are not asked for its blobs.
                self._connections = self._connections[position:]
                return found
        raise AssertionError("the last connection is the registry itself")

    async def _tags(self, connection: Connection) -> Sequence[str]:
        """Page by page (distribution-spec, "Listing Tags"; RFC 8288 for the link to the next)."""
        path = f"/v2/{self._repository(connection)}/tags/list"
        missing = NotFound(f"repository {familiar(self._reference.repository)} not found")
        tags: dict[str, None] = {}
        query = f"n={TAGS_A_PAGE}"
        while query:
            raw, headers = await self._read(connection, f"{path}?{query}", missing)
            known = len(tags)
            tags.update(dict.fromkeys(read_tags(raw, connection.endpoint.host)))
            query = next_query(headers.get("link", ""))
            if query and len(tags) == known:
                raise CorruptData(f"{connection.endpoint.host} lists the tags of {self.name} without end")
        return list(tags)

    async def _manifest(self, connection: Connection, platform: Platform) -> Manifest:
        async def fetch(digest: str) -> bytes:
            return await self._document(connection, digest)

        raw = await self._document(connection, self._reference.target)
        return await resolve(raw, platform, self.name, fetch)

    async def _document(self, connection: Connection, target: str) -> bytes:
        missing = NotFound(f"manifest for {self.name} not found")
        accept = {"Accept": ", ".join(ACCEPTED)}
        raw, headers = await self._read(connection, self._path(connection, "manifests", target), missing, accept)
        # What was asked for by digest must have it; what was asked for by tag, the one that the registry tells.
        expected = target if ":" in target else headers.get("docker-content-digest", "")
        if expected and not verify(raw, expected):
            host = connection.endpoint.host
            raise CorruptData(f"the manifest of {self.name} at {host} does not have the digest {expected}")
        return raw

    async def _read(
        self, connection: Connection, path: str, missing: CkError, headers: Mapping[str, str] = _NO_HEADERS
    ) -> tuple[bytes, httpx.Headers]:
        """A small document, and the headers that came with it."""
        patience = self._patience()
        while True:
            try:
                return await self._read_once(connection, path, missing, headers)
            except TryAgain as fault:
                await trio.sleep(patience.delay(fault, random.random()))

    async def _read_once(
        self, connection: Connection, path: str, missing: CkError, headers: Mapping[str, str]
    ) -> tuple[bytes, httpx.Headers]:
        scope = self._scope(connection)
        call = Call(url=path, image=self.name, scope=scope, missing=missing, headers=headers)
        async with connection.request(call) as response:
            raw = bytearray()
            async for chunk in response.aiter_raw():
                raw += chunk
                if len(raw) > MAX_BYTES:
                    host = connection.endpoint.host
                    raise CorruptData(f"the manifest of {self.name} at {host} is longer than {MAX_BYTES} bytes")
            return bytes(raw), response.headers

    @asynccontextmanager
    async def blob(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._downloads, aclosing(self._chunks(descriptor, offset)) as chunks:
            yield chunks

    async def _chunks(self, descriptor: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        position = offset
        for connection in self._connections:
            try:
                async with aclosing(self._chunks_of(connection, descriptor, position)) as chunks:
                    async for chunk in chunks:
                        position += len(chunk)
                        yield chunk
            except CkError as error:
                if not connection.endpoint.is_mirror:
                    raise
                log.warning("mirror %s is left at byte %d: %s", connection.endpoint.url, position, error)
            else:
                return

    async def _chunks_of(
        self, connection: Connection, descriptor: Descriptor, offset: int
    ) -> AsyncGenerator[bytes, None]:
        position = offset
        patience = self._patience()
        while position < descriptor.size:
            try:
                call = Call(
                    url=self._path(connection, "blobs", descriptor.digest),
                    image=self.name,
                    scope=self._scope(connection),
                    missing=NotFound(
                        f"blob {descriptor.digest} of {self.name} not found at {connection.endpoint.host}"
                    ),
                    headers={"Range": f"bytes={position}-"} if position else {},
                )
                async with connection.request(call) as response:
                    skip = _bytes_to_skip(response, descriptor, position)
                    async for chunk in response.aiter_raw():
                        if skip >= len(chunk):
                            skip -= len(chunk)
                            continue
                        if skip:
                            chunk, skip = chunk[skip:], 0
                        position += len(chunk)
                        patience.received(len(chunk))
                        if position > descriptor.size:
                            raise CorruptData(f"blob {descriptor.digest} is longer than {descriptor.size} bytes")
                        yield chunk
                if position < descriptor.size:
                    raise TryAgain(f"{connection.endpoint.host} ended blob {descriptor.digest} early")
            except TryAgain as fault:
                if position < descriptor.size:
                    await trio.sleep(patience.delay(fault, random.random()))

    def _patience(self) -> Patience:
        return Patience(self._options.attempts, self._options.backoff)

    def _repository(self, connection: Connection) -> str:
        return connection.endpoint.prefix + self._reference.path

    def _path(self, connection: Connection, kind: str, target: str) -> str:
        return f"/v2/{self._repository(connection)}/{kind}/{target}"

    def _scope(self, connection: Connection) -> str:
        return f"repository:{self._repository(connection)}:pull"


def _bytes_to_skip(response: httpx.Response, descriptor: Descriptor, position: int) -> int:
    """How much of the body is there already: a server may answer a Range with the whole (RFC 9110, 14.2).

    Raises: CorruptData where the size is another than the manifest's.
    """
    if response.status_code == 206:
        found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if found is None or int(found[1]) != position:
            raise TryAgain(f"{response.url.host} answered another range than from byte {position} on")
        total, skip = found[2], 0
    else:
        total, skip = response.headers.get("content-length", "*"), position
    if total != "*" and total != str(descriptor.size):
        raise CorruptData(f"blob {descriptor.digest} has {total} bytes, its manifest says {descriptor.size}")
    return skip
