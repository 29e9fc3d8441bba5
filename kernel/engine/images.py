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
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.image_commit import commit, import_archive
from ck.kernel.engine.image_garbage import drop, sweep
from ck.kernel.engine.image_load import load
from ck.kernel.engine.image_manifests import named_manifest, push_index
from ck.kernel.engine.image_pack import pack
from ck.kernel.engine.image_push import push
from ck.kernel.engine.image_record import image_event, record_image
from ck.kernel.engine.image_save import saving
from ck.kernel.engine.image_store import familiar, find_image, new_tag, normalize, registry_for
from ck.kernel.errors import Conflict, NotFound, Unsupported
from ck.kernel.lifecycle import ACTIVE
from ck.kernel.store_records import Delete, Put


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
        normalized = new_tag(self._ctx, target)
        await record_image(self._ctx, image, image_event(self._ctx, "tag", image, normalized), tag=normalized)

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
        """A name is untagged; the last name, or an ID, takes the image itself away.

        Raises: Conflict, naming who uses it.
        """
        image = find_image(self._ctx, ref)
        by_id = image.id.removeprefix("sha256:").startswith(ref.removeprefix("sha256:"))
        named = [] if by_id else [normalize(self._ctx, ref)]
        if by_id and len(image.tags) > 1 and not force:
            raise Conflict(
                f"conflict: unable to delete {ref} (must be forced) - image is referenced in multiple repositories"
            )
        untagged = list(image.tags) if by_id else named
        left_tags = [tag for tag in image.tags if tag not in untagged]
        left_digests = [digest for digest in image.digests if digest not in untagged]
        if left_tags and not by_id:
            return await self._untag(image, untagged, left_tags, left_digests)
        self._check_unused(image, ref, force=force)
        return await self._delete(image, untagged)

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
        """Remove untagged images that no container uses; with dangling=false, all that none uses."""
        wanted = Filters(filters, {"dangling", "label", "label!", "until"})
        dangling, until = wanted.flag("dangling"), wanted.until(now())
        removed: list[ImageRemoval] = []
        space = await sweep(self._ctx)
        for image in list(self._ctx.store.images):
            if self._users(image) or (image.tags and dangling is not False):
                continue
            if not wanted.match_labels(image.config.labels):
                continue
            if until is not None and image.created is not None and image.created > until:
                continue
            gone = await self._delete(image, list(image.tags))
            removed += gone
            sizes = dict(zip(image.chain_ids, image.layer_sizes, strict=False))
            space += sum(sizes.get(removal.deleted, 0) for removal in gone)
        return removed, space

    async def login(self, server: str, credentials: Credentials) -> str:
        driver = next((each for each in self._ctx.registries if each.name == "distribution"), None)
        if driver is None:
            raise NotFound("no registry driver that takes a login is loaded")
        return await driver.login(server, credentials)

    async def _untag(
        self, image: Image, untagged: Sequence[str], tags: Sequence[str], digests: Sequence[str]
    ) -> Sequence[ImageRemoval]:
        left = attrs.evolve(image, tags=tuple(tags), digests=tuple(digests))
        events = [image_event(self._ctx, "untag", image, name) for name in untagged]
        await self._ctx.store.commit([Put(image.id, left)], events)
        return [ImageRemoval(untagged=familiar(self._ctx, name)) for name in untagged]

    async def _delete(self, image: Image, untagged: Sequence[str]) -> Sequence[ImageRemoval]:
        ctx = self._ctx
        removals = [ImageRemoval(untagged=familiar(ctx, name)) for name in (*untagged, *image.digests)]
        await ctx.store.commit([Delete("image", image.id)], [image_event(ctx, "delete", image, "")])
        removals.append(ImageRemoval(deleted=image.id))
        return [*removals, *[ImageRemoval(deleted=chain_id) for chain_id in await drop(ctx, image)]]

    def _check_unused(self, image: Image, ref: str, *, force: bool) -> None:
        for container_id in self._users(image):
            container = self._ctx.store.containers.get(container_id)
            assert container is not None
            running = container.state.status in ACTIVE
            if running or not force:
                how = "cannot be forced" if running else "must be forced"
                state = "running" if running else "stopped"
                raise Conflict(
                    f"conflict: unable to remove repository reference {ref!r} ({how}) - "
                    f"container {container.id[:12]} ({state}) is using its image {image.id[7:19]}"
                )

    def _users(self, image: Image) -> Sequence[str]:
        return [container.id for container in self._ctx.store.containers if container.image_id == image.id]
