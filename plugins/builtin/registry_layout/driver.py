"""The registry driver "layout"."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.registry import ArchivedImage, Credentials, ImageSink, ImageSource
from ck.kernel.errors import Unsupported
from ck.plugins.builtin.registry_layout._contents import contents
from ck.plugins.builtin.registry_layout._reference import LayoutReference, Transport, claims, parse
from ck.plugins.builtin.registry_layout.files import ArchiveFiles, DirectoryFiles, Files, opened
from ck.plugins.builtin.registry_layout.source import LayoutSource

OPEN: Final[Mapping[Transport, Callable[[Path], Files]]] = {
    Transport.OCI: DirectoryFiles,
    Transport.DOCKER_ARCHIVE: ArchiveFiles,
}


class LayoutRegistry:
    """See ck.kernel.drivers.registry.RegistryDriver."""

    name = "layout"
    local = True

    def claims(self, reference: str) -> bool:
        return claims(reference)

    def normalize(self, reference: str) -> str:
        return str(parse(reference))

    def familiar(self, normalized: str) -> str:
        """There is no shorter spelling."""
        return normalized

    @asynccontextmanager
    async def source(self, reference: str, credentials: Credentials | None) -> AsyncIterator[ImageSource]:
        parsed = parse(reference)
        files = await trio.to_thread.run_sync(OPEN[parsed.transport], Path(parsed.path))
        with opened(files):
            yield LayoutSource(parsed, files)

    def sink(self, reference: str, credentials: Credentials | None) -> AbstractAsyncContextManager[ImageSink]:
        raise Unsupported(f"cannot push to {reference}: images are saved to files (ck save)")

    @asynccontextmanager
    async def archive(self, path: Path) -> AsyncIterator[Sequence[ArchivedImage]]:
        """See ck.kernel.drivers.registry.ArchiveReader."""
        files = await trio.to_thread.run_sync(ArchiveFiles, path, "what was sent")
        with opened(files):
            yield [
                ArchivedImage(
                    source=LayoutSource(LayoutReference(transport=transport, path=str(path), image=image), files),
                    names=names,
                )
                for transport, image, names in await trio.to_thread.run_sync(contents, files)
            ]

    async def login(self, server: str, credentials: Credentials) -> str:
        raise Unsupported(f"cannot log in to {server!r}: the images of the registry driver layout are files")
