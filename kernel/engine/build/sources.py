"""Where the files of a build come from: the context, stages, images."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from ck.kernel.archive.directories import open_in_root
from ck.kernel.archive.stage import opened
from ck.kernel.dockerfile.ignore import PatternMatcher, read_ignorefile
from ck.kernel.engine.build.tree import NOTHING_IGNORED, Tree
from ck.kernel.engine.build.views import in_chain
from ck.kernel.engine.context import Context
from ck.kernel.errors import InvalidArgument, NotFound

T = TypeVar("T")

_MAX_DOCKERFILE = 1 << 22
"""Bytes; nobody has written one that is longer."""


@attrs.frozen(kw_only=True)
class BuildContext:
    """A directory of this machine. `ignored` are paths that are as if they were not there."""

    directory: Path
    ignored: PatternMatcher = NOTHING_IGNORED

    async def inside(self, work: Callable[[int], T]) -> T:
        """Return what *work* returns, called in a thread with an fd of the directory."""

        def run() -> T:
            with opened(self.directory) as root:
                return work(root)

        return await trio.to_thread.run_sync(run)


@attrs.frozen(kw_only=True)
class Files:
    """The files of the context, or of a chain of layers (`chain_id`, None for nothing at all) that is leased."""

    ctx: Context
    context: BuildContext | None = None
    chain_id: str | None = None

    @property
    def place(self) -> str:
        """Tells these files from any others."""
        return str(self.context.directory) if self.context is not None else self.chain_id or ""

    async def inside(self, work: Callable[[int], T]) -> T:
        """Return what *work* returns, called in a thread with an fd of the root."""
        if self.context is not None:
            return await self.context.inside(work)
        return await in_chain(self.ctx, self.chain_id, work)

    def tree(self, root: int) -> Tree:
        """The tree in *root*, the fd that `inside` gives."""
        return Tree(root, self.context.ignored) if self.context is not None else Tree(root)


def read_dockerfile(root: int, name: str) -> bytes:
    """The file *name* of the context *root*, "Dockerfile" also in small letters. Blocks. Raises: NotFound,
    InvalidArgument for one that is too long."""
    names = [name, "dockerfile"] if name == "Dockerfile" else [name]
    if (text := _read_first(root, names)) is None:
        raise NotFound(f"failed to read dockerfile: open {name}: no such file or directory")
    return text


def read_ignored(root: int, dockerfile: str) -> PatternMatcher:
    """What the context *root* leaves out: `NAME.dockerignore` beside the Dockerfile goes before `.dockerignore`.

    Blocks. Raises: DockerfileError for a malformed pattern, InvalidArgument for a file that is too long.
    """
    text = _read_first(root, (f"{dockerfile}.dockerignore", ".dockerignore"))
    return NOTHING_IGNORED if text is None else PatternMatcher(read_ignorefile(text))


def _read_first(root: int, names: Sequence[str]) -> bytes | None:
    """The first of the files *names* that is there. One that cannot be read is an error: without a .dockerignore that
    is there, secrets would be copied."""
    for name in names:
        try:
            fd = open_in_root(root, os.fsencode(name), os.O_RDONLY | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with os.fdopen(fd, "rb") as file:
            text = file.read(_MAX_DOCKERFILE + 1)
        if len(text) > _MAX_DOCKERFILE:
            raise InvalidArgument(f"{name} is longer than {_MAX_DOCKERFILE} bytes")
        return text
    return None
