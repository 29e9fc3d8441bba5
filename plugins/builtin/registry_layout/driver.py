"""The registry driver "layout"."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.registry import Credentials, ImageSource
from ck.kernel.errors import Unsupported
from ck.plugins.builtin.registry_layout._reference import Transport, claims, parse
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

    async def login(self, server: str, credentials: Credentials) -> str:
        raise Unsupported(f"cannot log in to {server!r}: the images of the registry driver layout are files")
