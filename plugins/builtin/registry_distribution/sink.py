"""One image to one registry: blobs in chunks that survive breaks, then its manifest (distribution-spec, "Push")."""

import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import attrs
import httpx
import trio

from ck.kernel.drivers.registry import Descriptor, Document, ReadBlob
from ck.kernel.errors import NotFound, Unavailable
from ck.plugins.builtin.registry_distribution._faults import Patience, TryAgain
from ck.plugins.builtin.registry_distribution._options import RegistryOptions
from ck.plugins.builtin.registry_distribution._reference import Reference, familiar
from ck.plugins.builtin.registry_distribution.connection import Call, Connection

T = TypeVar("T")
_RANGE: Final = re.compile(r"(?:bytes=)?0-(\d{1,19})")
_NOWHERE: Final = NotFound("the upload is not known any more")


class DistributionSink:
    """See ck.kernel.drivers.registry.ImageSink."""

    def __init__(
        self, reference: Reference, connection: Connection, options: RegistryOptions, uploads: trio.Semaphore
    ) -> None:
        self._reference, self._connection, self._options = reference, connection, options
        self._uploads = uploads
        self._repository = connection.endpoint.prefix + reference.path

    async def has(self, digest: str) -> bool:
        call = self._call("HEAD", f"blobs/{digest}", accepted=(200, 404))
        return await self._patiently(lambda: self._status(call)) == 200

    async def mount(self, digest: str, repository: str) -> bool:
        path = self._connection.endpoint.prefix + repository.removeprefix(f"{self._reference.host}/")
        query = httpx.QueryParams({"mount": digest, "from": path})
        call = self._call("POST", f"blobs/uploads/?{query}", accepted=(201, 202), headers={"Content-Length": "0"})

        async def ask() -> bool:
            async with self._connection.request(call) as response:
                if response.status_code == 202:
                    await self._cancel(response.headers.get("location", ""))
                return response.status_code == 201

        return await self._patiently(ask)

    async def upload(self, blob: Descriptor, read: ReadBlob, sent: Callable[[int], None]) -> None:
        async with self._uploads:
            patience = self._patience()
            place = ""
            offset = 0
            while True:
                try:
                    if not place:
                        place, offset = await self._begin(), 0
                    while offset < blob.size:
                        place, offset = await self._chunk(place, blob, read, offset, sent)
                        patience.received(self._options.chunk)
                    await self._finish(place, blob.digest)
                except TryAgain as fault:
                    await trio.sleep(patience.delay(fault, random.random()))
                    place, offset = await self._resume(place)
                else:
                    return

    async def put_manifest(self, document: Document, *, named: bool = True) -> None:
        call = self._call(
            "PUT",
            f"manifests/{self._reference.target if named else document.digest}",
            accepted=(200, 201),
            headers={"Content-Type": document.media_type},
            content=lambda: document.raw,
        )
        await self._patiently(lambda: self._status(call))

    async def _begin(self) -> str:
        call = self._call("POST", "blobs/uploads/", accepted=(202,), headers={"Content-Length": "0"})
        async with self._connection.request(call) as response:
            return self._place(response)

    async def _chunk(
        self, place: str, blob: Descriptor, read: ReadBlob, offset: int, sent: Callable[[int], None]
    ) -> tuple[str, int]:
        """Send the next chunk; return where to go on, and from which byte."""
        end = min(offset + self._options.chunk, blob.size)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - offset),
            "Content-Range": f"{offset}-{end - 1}",
        }
        content = partial(_part, read, offset, end, sent)
        call = self._call("PATCH", place, accepted=(202, 204), headers=headers, content=content)
        async with self._connection.request(call) as response:
            return self._place(response), end

    async def _finish(self, place: str, digest: str) -> None:
        url = httpx.URL(place).copy_merge_params({"digest": digest})
        call = self._call("PUT", str(url), accepted=(201, 204), headers={"Content-Length": "0"})
        await self._status(call)

    async def _resume(self, place: str) -> tuple[str, int]:
        """Where the registry has got to: the place to go on and the next byte; ("", 0) to begin anew, as where it
        cannot go on in the middle of a chunk (Docker's cannot)."""
        if not place:
            return "", 0
        try:
            async with self._connection.request(self._call("GET", place, accepted=(200, 204))) as response:
                known = _RANGE.fullmatch(response.headers.get("range", ""))
                last = int(known[1]) if known else 0
                return self._place(response), last + 1 if last else 0
        except (NotFound, Unavailable):  # gone, or still out of reach: then the next try says so
            return "", 0

    async def _cancel(self, place: str) -> None:
        """Let go of an upload that was offered where a mount was asked for."""
        if place:
            await self._status(self._call("DELETE", place, accepted=range(200, 600)))

    async def _status(self, call: Call) -> int:
        async with self._connection.request(call) as response:
            return response.status_code

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        patience = self._patience()
        while True:
            try:
                return await ask()
            except TryAgain as fault:
                await trio.sleep(patience.delay(fault, random.random()))

    def _patience(self) -> Patience:
        return Patience(self._options.attempts, self._options.backoff)

    def _place(self, response: httpx.Response) -> str:
        place = response.headers.get("location", "")
        if not place:
            raise Unavailable(f"{self._connection.endpoint.host} does not say where the upload is to go")
        return str(response.url.join(place))

    def _call(self, method: str, what: str, **more: Any) -> Call:
        """*what* is below the repository, or a whole URL."""
        url = what if "://" in what else f"/v2/{self._repository}/{what}"
        call = Call(
            method=method,
            url=url,
            image=familiar(str(self._reference)),
            scope=f"repository:{self._repository}:pull,push",
            missing=_NOWHERE,
            verb="push",
        )
        return attrs.evolve(call, **more)


async def _part(read: ReadBlob, start: int, end: int, sent: Callable[[int], None]) -> AsyncGenerator[bytes]:
    """The bytes of a blob from *start* up to *end*."""
    async with read(start) as chunks:
        async for chunk in chunks:
            piece = chunk[: end - start]
            start += len(piece)
            yield piece
            sent(start)
            if start >= end:
                return
