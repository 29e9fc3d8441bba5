"""The `host` registry driver: `host/NAME` is an image of program NAME of this machine, made when it is pulled."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from ck.kernel.drivers.platform import canonical, describe
from ck.kernel.drivers.registry import (
    Credentials,
    Descriptor,
    Document,
    ImageSink,
    ImageSource,
    Manifest,
    Packing,
    Platform,
)
from ck.kernel.errors import NotFound, Unsupported
from ck.plugins.builtin.registry_host._reference import PREFIX, Reference

if TYPE_CHECKING:
    from ck.plugins.builtin.registry_host._image import Builder, HostImage


class HostRegistry:
    """Serves `host/NAME`. *path* is the $PATH to look in (None: that of this process), *root* the machine's root."""

    name = "host"
    local = True

    def __init__(self, *, path: str | None = None, root: str = "/") -> None:
        self._path = path
        self._root = root
        self._builder: Builder | None = None

    def claims(self, reference: str) -> bool:
        return reference.startswith(PREFIX)

    def normalize(self, reference: str) -> str:
        return str(Reference.parse(reference))

    def familiar(self, normalized: str) -> str:
        return Reference.parse(normalized).familiar

    @asynccontextmanager
    async def source(self, reference: str, credentials: Credentials | None) -> AsyncIterator[ImageSource]:
        parsed = Reference.parse(reference)
        builder = await trio.to_thread.run_sync(self._ready)
        yield HostSource(parsed.familiar, Packing(programs=(parsed.program,)), builder, pinned=parsed.digest)

    @asynccontextmanager
    async def packed(self, packing: Packing) -> AsyncIterator[ImageSource]:
        """See ck.kernel.drivers.registry.ProgramPacker."""
        programs = tuple(dict.fromkeys(Reference.parse(f"{PREFIX}{name}").program for name in packing.programs))
        builder = await trio.to_thread.run_sync(self._ready)
        yield HostSource(", ".join(programs), attrs.evolve(packing, programs=programs), builder)

    def sink(self, reference: str, credentials: Credentials | None) -> AbstractAsyncContextManager[ImageSink]:
        raise Unsupported(
            f"{self.familiar(reference)} cannot be pushed: host/ images are made of this machine's programs"
        )

    async def login(self, server: str, credentials: Credentials) -> str:
        raise Unsupported(f'"{server}" needs no login: host/ images are made of this machine\'s own programs')

    def _ready(self) -> "Builder":
        # pyelftools costs 40 ms and some megabytes, which only those pay who pull such an image.
        from ck.plugins.builtin.registry_host._image import DEFAULT_PATH, Builder

        if self._builder is None:
            path = self._path if self._path is not None else os.environ.get("PATH", DEFAULT_PATH)
            self._builder = Builder(self._root, path)
        return self._builder


class HostSource:
    """One image of programs, as their files were when the manifest was asked for; of *pinned* no other digest."""

    def __init__(self, name: str, packing: Packing, builder: "Builder", *, pinned: str = "") -> None:
        self.name = name
        self._packing = packing
        self._builder = builder
        self._pinned = pinned
        self._image: HostImage | None = None

    async def manifest(self, platform: Platform) -> Manifest:
        wanted, own = canonical(platform), canonical(Platform(architecture=os.uname().machine))
        if (wanted.os, wanted.architecture) != (own.os, own.architecture):
            raise NotFound(f'"{self.name}" is for {describe(own)} as this machine is, not for {describe(platform)}')
        self._image = await trio.to_thread.run_sync(self._builder.build, self._packing, own)
        manifest = self._image.manifest
        if self._pinned not in ("", manifest.digest):
            name = f"{PREFIX}{self._packing.programs[0]}"
            raise NotFound(f'"{name}" is {manifest.digest} now: its files are no longer those of {self._pinned}')
        return manifest

    async def document(self) -> Document:
        return await self.manifest(Platform(architecture=os.uname().machine))

    async def tags(self) -> Sequence[str]:
        """None: a program is as it is."""
        return ()

    @asynccontextmanager
    async def blob(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        yield self._read(descriptor, offset)

    async def _read(self, descriptor: Descriptor, offset: int) -> AsyncIterator[bytes]:
        image = self._image
        chunks: Iterator[bytes]
        if image and descriptor.digest == image.manifest.config.digest:
            chunks = iter((image.config,))
        elif image and descriptor.digest == image.manifest.layers[0].digest:
            chunks = image.layer()
        else:
            raise NotFound(f'"{self.name}" has no blob {descriptor.digest}')
        skip = offset
        # Files are read in a thread, a chunk at a time: what the reader does not take is never read ahead.
        while (chunk := await trio.to_thread.run_sync(next, chunks, None)) is not None:
            if len(chunk) > skip:
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
