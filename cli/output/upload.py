"""A file, or standard input, as pieces to send."""

from __future__ import annotations

import os

from ck.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 18


def pieces(path: str) -> Iterator[bytes]:
    """The content of the file *path*, "-" for standard input. Raises: CliError, before anything is sent where the file
    cannot be opened."""
    try:
        number = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if os.path.isdir(path):
            raise IsADirectoryError(21, "Is a directory")
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
    return _read(number, path)


def _read(number: int, path: str) -> Iterator[bytes]:
    try:
        while piece := os.read(number, PIECE):
            yield piece
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
