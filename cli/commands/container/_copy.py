"""Where a copy goes: Docker's rules for `cp`, which are those of cp(1) -a with a meaning for a trailing `/.` (pure)."""

from __future__ import annotations

import posixpath

from ck.cli.errors import CliError


class Source:
    """*path* as typed, and whether it is a directory."""

    __slots__ = ("contents", "directory", "path")

    def __init__(self, path: str, *, directory: bool) -> None:
        self.path, self.directory = path, directory
        self.contents = path in {".", ".."} or path.endswith(("/.", "/.."))
        if asserts_directory(path) and not directory:
            raise CliError(f"{path}: not a directory")


class Destination:
    """*path* as typed, and what is there: nothing, a directory, or something else."""

    __slots__ = ("directory", "exists", "path")

    def __init__(self, path: str, *, exists: bool, directory: bool) -> None:
        self.path, self.exists, self.directory = path, exists, directory


def asserts_directory(path: str) -> bool:
    """Whether the spelling says that *path* is a directory."""
    return path.endswith(("/", "/.", "/..")) or path in {".", ".."}


def plan(source: Source, destination: Destination) -> tuple[str, str | None]:
    """The directory to unpack in, and the name of the top entry there; None for its contents alone, "" for its own
    name.

    Raises: CliError.
    """
    if destination.exists and destination.directory:
        return destination.path, None if source.contents else ""
    if destination.exists and source.directory:
        raise CliError(f"cannot copy directory {source.path} to file {destination.path}")
    if not source.directory and asserts_directory(destination.path):
        raise CliError(f"{destination.path}: no such directory")
    path = posixpath.normpath(destination.path)
    return posixpath.dirname(path) or ".", posixpath.basename(path)


def split_argument(argument: str) -> tuple[str, str]:
    """`CONTAINER:PATH` to both, a local path to ("", path). A local name with a colon is written `./a:b`."""
    container, colon, path = argument.partition(":")
    if not colon or container.startswith((".", "/")):
        return "", argument
    return container, path


def renamed(name: str, top: str, new: str | None) -> str:
    """The name of an archive's entry after its top entry *top* became *new* (as in `plan`)."""
    clean = posixpath.normpath(name).lstrip("/")
    below = "" if clean == top else clean.removeprefix(f"{top}/")
    if new is None:
        return below or "."
    return posixpath.join(new or top, below) if below else new or top
