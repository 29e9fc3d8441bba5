"""COPY and ADD: which files go where, read from all their sources."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.archive.entry import Entry
from ck.kernel.dockerfile.chmod import Chmod
from ck.kernel.dockerfile.ignore import PatternMatcher
from ck.kernel.dockerfile.instructions import Add, Copy, CopyFiles
from ck.kernel.engine.build.archives import add_archive, add_file, opened_archive
from ck.kernel.engine.build.copy import CopyWriter, Manner
from ck.kernel.engine.build.git import clone, git_source, is_git
from ck.kernel.engine.build.place import NOWHERE
from ck.kernel.engine.build.remote import Download, download, is_url
from ck.kernel.engine.build.sources import BuildContext, Files
from ck.kernel.engine.build.tree import Tree
from ck.kernel.errors import InvalidArgument

_FILE_MODE: Final = 0o644


def fetches(instruction: CopyFiles) -> bool:
    """Whether something comes from elsewhere."""
    return isinstance(instruction, Add) and any(is_git(each) or is_url(each) for each in instruction.sources)


@attrs.frozen(kw_only=True)
class CopyJob:
    """An instruction, its variables expanded, with `files`, the context or what its --from names. What comes from
    elsewhere is fetched once, into `scratch`, which then is a directory of its own; `agent` is the socket of an SSH
    agent for it."""

    instruction: CopyFiles
    files: Files
    scratch: Path
    agent: Path | None = None
    _downloads: dict[str, Download] = attrs.field(factory=dict)
    _clones: set[str] = attrs.field(factory=set)

    @property
    def chmod(self) -> Chmod | None:
        """Raises: DockerfileError."""
        return Chmod.parse(self.instruction.chmod) if self.instruction.chmod else None

    @property
    def into(self) -> bool:
        """Whether the destination is spelled as a directory."""
        dest = self.instruction.dest
        return dest.endswith(("/", "/.")) or dest in (".", "..")

    def check(self) -> None:
        """Raises: InvalidArgument for several sources and no directory."""
        instruction = self.instruction
        if len(instruction.sources) + len(instruction.contents) > 1 and not self.into:
            raise InvalidArgument(
                f"with more than one source, the destination must be a directory and end with a /: {instruction.dest!r}"
            )

    async def feed(self, writer: CopyWriter) -> None:
        """Copy everything to *writer*. Raises: NotFound where a source is not there, InvalidArgument, Unavailable."""
        instruction = self.instruction
        local: list[str] = []
        for source in instruction.sources:
            if isinstance(instruction, Add) and is_git(source):
                await self._feed_clone(writer, source)
            elif isinstance(instruction, Add) and is_url(source):
                await self._feed_download(writer, source)
            else:
                local.append(source)
        if local and isinstance(instruction, Add) and instruction.checksum:
            raise InvalidArgument(f"--checksum is for URLs and git repositories: {local[0]} is neither")
        if local:
            await self.files.inside(lambda root: self._feed_local(writer, self.files.tree(root), root, local))
        if instruction.contents:
            await trio.to_thread.run_sync(self._feed_contents, writer)

    async def digest(self, manner: Manner) -> str:
        """Of all that would be copied, whatever the times. Raises: as `feed`."""
        writer = CopyWriter(NOWHERE, manner, None, into=True)
        await self.feed(writer)
        return writer.digest.hexdigest()

    def _feed_contents(self, writer: CopyWriter) -> None:
        for content in self.instruction.contents:
            data = content.data.encode("utf-8", "surrogateescape")
            name = os.fsencode(content.name)
            writer.file(name, Entry(name, mode=_FILE_MODE, size=len(data), stored=len(data)), [data])

    def _feed_local(self, writer: CopyWriter, tree: Tree, root: int, sources: Sequence[str]) -> None:
        instruction = self.instruction
        parents = isinstance(instruction, Copy) and instruction.parents
        excluded = PatternMatcher(instruction.exclude)
        found = [each for source in sources for each in tree.find(source, parents=parents)]
        if len(found) > 1:
            writer.whole()
        for each in found:
            if isinstance(instruction, Add) and not each.directory and instruction.unpack is not False:
                with tree.opened(each) as file:
                    if (archive := opened_archive(file)) is not None:
                        add_archive(writer, archive)
                        continue
            if each.directory and not parents:
                writer.directory()
            writer.nodes(tree.nodes(each, excluded))

    async def _feed_download(self, writer: CopyWriter, url: str) -> None:
        assert isinstance(self.instruction, Add)
        if (found := self._downloads.get(url)) is None:
            target = self.scratch / f"download{len(self._downloads)}"
            found = self._downloads[url] = await download(url, target)
        wanted = self.instruction.checksum
        if wanted and wanted != found.digest:
            raise InvalidArgument(f"{url} has the digest {found.digest}, not {wanted} as --checksum says")
        unpack = self.instruction.unpack is True

        def work() -> None:
            if unpack:
                with found.path.open("rb") as file:
                    if (archive := opened_archive(file)) is not None:
                        add_archive(writer, archive)
                        return
            if not found.name and writer.needs_name:
                raise InvalidArgument(f"cannot determine a file name for {url}: end the destination in one")
            add_file(writer, found)

        await trio.to_thread.run_sync(work)

    async def _feed_clone(self, writer: CopyWriter, text: str) -> None:
        assert isinstance(self.instruction, Add)
        source = git_source(text)
        if wanted := self.instruction.checksum.lower():
            if not wanted.startswith(source.commit):
                raise InvalidArgument(f"{text}: the commit is not {wanted}, as --checksum says")
            source = attrs.evolve(source, commit=wanted)
        target = self.scratch / f"clone-{hashlib.sha256(text.encode()).hexdigest()}"
        if text not in self._clones:
            await clone(source, target, agent=self.agent, keep_git_dir=bool(self.instruction.keep_git_dir))
            self._clones.add(text)
        files = Files(ctx=self.files.ctx, context=BuildContext(directory=target))
        excluded = PatternMatcher(self.instruction.exclude)

        def work(root: int) -> None:
            tree = files.tree(root)
            writer.directory()
            for each in tree.find(source.directory or "."):
                writer.nodes(tree.nodes(each, excluded))

        await files.inside(work)
