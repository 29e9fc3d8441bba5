"""The noun `image`: listed, tagged, removed. How images come in is in image_pull.py."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import BinaryIO

import attrs

from ck.kernel.api.image import (
    CommitRequest,
    HistoryEntry,
    Image,
    ImageRemoval,
    ImportRequest,
    NamedManifest,
    Progress,
)
from ck.kernel.drivers.registry import Credentials, ImageSearcher, Packing, Platform, SearchResult
from ck.kernel.engine import image_pull
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_commit import commit, import_archive
from ck.kernel.engine.image_load import load
from ck.kernel.engine.image_manifests import named_manifest, push_index
from ck.kernel.engine.image_pack import pack
from ck.kernel.engine.image_push import push
from ck.kernel.engine.image_record import tag_image
from ck.kernel.engine.image_remove import prune, remove
from ck.kernel.engine.image_save import saving
from ck.kernel.engine.image_store import familiar, find_image, new_tag, registry_for
from ck.kernel.errors import NotFound, Unsupported


class Images:
    """ck.kernel.api.engine.Images."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def list(self) -> Sequence[Image]:
        return sorted(self._ctx.store.images, key=lambda image: (image.created is None, image.created), reverse=True)

    async def get(self, ref: str) -> Image:
        return find_image(self._ctx, ref)

    def familiar(self, normalized: str) -> str:
        return familiar(self._ctx, normalized)

    def is_local(self, reference: str) -> bool:
        return registry_for(self._ctx, reference).local

    def pull(
        self, reference: str, platform: Platform | None, credentials: Credentials | None, *, all_tags: bool = False
    ) -> AsyncIterator[Progress]:
        return image_pull.pull(self._ctx, reference, platform, credentials, all_tags=all_tags)

    def push(
        self, reference: str, credentials: Credentials | None, *, all_tags: bool = False
    ) -> AsyncIterator[Progress]:
        return push(self._ctx, reference, credentials, all_tags=all_tags)

    async def manifest(self, ref: str, credentials: Credentials | None, *, local: bool = False) -> NamedManifest:
        return await named_manifest(self._ctx, ref, credentials, local=local)

    def push_index(
        self, reference: str, index: bytes, sources: Mapping[str, str], credentials: Credentials | None
    ) -> AsyncIterator[Progress]:
        return push_index(self._ctx, reference, index, sources, credentials)

    async def pack(self, packing: Packing, tags: Sequence[str]) -> str:
        return await pack(self._ctx, packing, tags)

    async def search(self, term: str, limit: int, credentials: Credentials | None) -> Sequence[SearchResult]:
        driver = next((each for each in self._ctx.registries if isinstance(each, ImageSearcher)), None)
        if driver is None:
            raise Unsupported("no registry driver that searches is loaded")
        return await driver.search(term, limit, credentials)

    async def tag(self, ref: str, target: str) -> None:
        image = find_image(self._ctx, ref)
        await tag_image(self._ctx, image.id, new_tag(self._ctx, target))

    async def commit(self, container: str, request: CommitRequest) -> str:
        container_id = self._ctx.find_container(container).id
        return await self._ctx.actors.run(
            container_id, lambda: commit(self._ctx, self._ctx.find_container(container_id), request)
        )

    def load(self, tar: BinaryIO) -> AsyncIterator[Progress]:
        return load(self._ctx, tar)

    def save(self, refs: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return saving(self._ctx, refs)

    async def import_archive(self, tar: BinaryIO, request: ImportRequest) -> str:
        return await import_archive(self._ctx, tar, request)

    async def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> Sequence[ImageRemoval]:
        """*prune* is for engines whose images stand on others; here only layers are shared."""
        return await remove(self._ctx, ref, force=force)

    async def history(self, ref: str) -> Sequence[HistoryEntry]:
        """Newest first, each with the size of its layer."""
        image = find_image(self._ctx, ref)
        sizes = iter(image.layer_sizes)
        entries = [
            entry if entry.empty_layer else attrs.evolve(entry, size=next(sizes, 0))
            for entry in image.history or tuple(HistoryEntry() for _ in image.diff_ids)
        ]
        if entries:
            entries[-1] = attrs.evolve(entries[-1], image_id=image.id, tags=image.tags)
        return entries[::-1]

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[Sequence[ImageRemoval], int]:
        removed = await prune(self._ctx, filters)
        return removed.removals, removed.space

    async def login(self, server: str, credentials: Credentials) -> str:
        driver = next((each for each in self._ctx.registries if each.name == "distribution"), None)
        if driver is None:
            raise NotFound("no registry driver that takes a login is loaded")
        return await driver.login(server, credentials)
