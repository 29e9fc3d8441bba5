"""COPY, ADD and WORKDIR as steps of a stage: found in the cache, or carried out."""

import posixpath
from collections.abc import Mapping
from contextlib import nullcontext
from typing import BinaryIO, Final

import attrs
import trio

from ck.kernel.dockerfile.instructions import Copy, CopyFiles
from ck.kernel.engine.build.built import Built, Layering, Workshop
from ck.kernel.engine.build.cache import key_of
from ck.kernel.engine.build.copy import SECOND, CopyWriter, Manner
from ck.kernel.engine.build.copy_step import CopyJob, fetches
from ck.kernel.engine.build.place import Place, check_kinds, locate, unknown
from ck.kernel.engine.build.sources import Files
from ck.kernel.engine.build.views import in_chain
from ck.kernel.engine.passwd import owner_in

_PREFIX: Final = 40  # digits of a key that say what is copied where; the rest says what it is


class FileStep:
    """Puts files on a stage. *sources* are what each `from` means, "" the context."""

    def __init__(self, shop: Workshop, built: Built, layering: Layering, sources: Mapping[str, Files]) -> None:
        self._shop, self._built, self._layering, self._sources = shop, built, layering, sources

    async def copy(self, copy: CopyFiles) -> None:
        """Raises: NotFound where a source is not there, InvalidArgument, Unavailable."""
        built = self._built
        dest = posixpath.join("/", built.config.working_dir, copy.dest)
        files = self._sources[copy.from_ if isinstance(copy, Copy) else ""]
        told = attrs.asdict(attrs.evolve(copy, line=0, last_line=0, original=""))
        prefix = key_of("link" if copy.link else "copy", built.top, dest, told, self._shop.request.epoch)[:_PREFIX]
        async with self._layering.scratch() if fetches(copy) else nullcontext(self._shop.scratch) as scratch:
            agent = self._shop.request.agents.get("default")
            job = CopyJob(instruction=copy, files=files, scratch=scratch, agent=agent)
            job.check()
            # The same files of the same place: those of others are not waited for.
            async with self._layering.turn(f"{prefix} {files.place}"):
                await self._carry_out(job, dest, prefix)

    async def _carry_out(self, job: CopyJob, dest: str, prefix: str) -> None:
        copy, files, built = job.instruction, job.files, self._built
        manner = Manner(
            owner=None if files.context is None else (0, 0),
            chmod=job.chmod,
            made=self._layering.nanoseconds(),
            time=None if self._shop.request.epoch is None else self._shop.request.epoch * SECOND,
        )
        await self._shop.console.flush()  # all the files may have to be read
        if self._shop.cache.knows(prefix) and await self._layering.from_cache(prefix + await job.digest(manner)):
            return

        def look(root: int) -> tuple[Place, tuple[int, int] | None]:
            place = unknown(dest) if copy.link else locate(root, dest)
            return place, owner_in(root, copy.chown) if copy.chown else None

        place, owner = await in_chain(self._shop.ctx, built.top, look)
        writers: list[CopyWriter] = []

        async def write(sink: BinaryIO) -> None:
            given = attrs.evolve(manner, owner=owner or manner.owner, unpacked=owner)
            writer = CopyWriter(place, given, sink, into=job.into)
            writers.append(writer)
            await job.feed(writer)
            if writer.over:
                await in_chain(self._shop.ctx, built.top, lambda root: check_kinds(root, writer.over))
            await trio.to_thread.run_sync(writer.end)

        layer = await self._layering.make(write)
        await self._layering.keep(prefix + writers[0].digest.hexdigest(), copy, layer)

    async def workdir(self, path: str) -> None:
        """The directory is made, if it is not there, for the user that follows."""
        built = self._built
        # Whose it becomes, and whether it is there, follows from what lies below: it is looked up only to make it.
        key = key_of("workdir", built.top, path, built.config.user, self._shop.request.epoch)
        async with self._layering.turn(key):
            if not await self._layering.from_cache(key):
                await self._make_directory(path, key)

    async def _make_directory(self, path: str, key: str) -> None:
        built = self._built

        def look(root: int) -> tuple[Place, tuple[int, int]]:
            place = locate(root, path)
            return place, (0, 0) if place.directory else owner_in(root, built.config.user)

        place, owner = await in_chain(self._shop.ctx, built.top, look)
        if place.directory:
            return

        async def write(sink: BinaryIO) -> None:
            writer = CopyWriter(place, Manner(owner=owner, made=self._layering.nanoseconds()), sink, into=True)
            writer.directory()
            await trio.to_thread.run_sync(writer.end)

        await self._layering.keep(key, None, await self._layering.make(write))
