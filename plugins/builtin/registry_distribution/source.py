"""One image from one registry or its mirrors: manifests whole and checked, blobs as streams that survive breaks."""

import logging
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

import httpx
import trio

from ck.kernel.drivers.digest import verify
from ck.kernel.drivers.manifest import ACCEPTED, MAX_BYTES
from ck.kernel.drivers.platform import resolve
from ck.kernel.drivers.registry import Descriptor, Manifest, Platform
from ck.kernel.errors import CkError, CorruptData, NotFound
from ck.plugins.builtin.registry_distribution._faults import Patience, TryAgain
from ck.plugins.builtin.registry_distribution._options import RegistryOptions
from ck.plugins.builtin.registry_distribution._reference import Reference, familiar
from ck.plugins.builtin.registry_distribution.connection import Connection

log: Final = logging.getLogger(__name__)
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
        for position, connection in enumerate(self._connections):
            try:
                found = await self._manifest(connection, platform)
            except CkError as error:
                if not connection.endpoint.is_mirror:
                    raise
                log.warning("mirror %s is passed over: %s", connection.endpoint.url, error)
            else:
                # Mirrors that do not have the manifest are not asked for its blobs.
                self._connections = self._connections[position:]
                return found
        raise AssertionError("the last connection is the registry itself")

    async def _manifest(self, connection: Connection, platform: Platform) -> Manifest:
        async def fetch(digest: str) -> bytes:
            return await self._document(connection, digest)

        raw = await self._document(connection, self._reference.target)
        return await resolve(raw, platform, self.name, fetch)

    async def _document(self, connection: Connection, target: str) -> bytes:
        patience = self._patience()
        while True:
            try:
                return await self._document_once(connection, target)
            except TryAgain as fault:
                await trio.sleep(patience.delay(fault, random.random()))

    async def _document_once(self, connection: Connection, target: str) -> bytes:
        host = connection.endpoint.host
        async with connection.get(
            self._path(connection, "manifests", target),
            image=self.name,
            scope=self._scope(connection),
            missing=NotFound(f"manifest for {self.name} not found"),
            headers={"Accept": ", ".join(ACCEPTED)},
        ) as response:
            raw = bytearray()
            async for chunk in response.aiter_raw():
                raw += chunk
                if len(raw) > MAX_BYTES:
                    raise CorruptData(f"the manifest of {self.name} at {host} is longer than {MAX_BYTES} bytes")
            # What was asked for by digest must have it; what was asked for by tag, the one that the registry tells.
            expected = target if ":" in target else response.headers.get("docker-content-digest", "")
        if expected and not verify(bytes(raw), expected):
            raise CorruptData(f"the manifest of {self.name} at {host} does not have the digest {expected}")
        return bytes(raw)

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
                async with connection.get(
                    self._path(connection, "blobs", descriptor.digest),
                    image=self.name,
                    scope=self._scope(connection),
                    missing=NotFound(
                        f"blob {descriptor.digest} of {self.name} not found at {connection.endpoint.host}"
                    ),
                    headers={"Range": f"bytes={position}-"} if position else {},
                ) as response:
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
