"""An archive from the engine, to a file or to standard output."""

from __future__ import annotations

import os
import tempfile

from ck.cli.errors import CliError
from ck.cli.terminal.relay import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def download(path: str, request: Callable[[], Iterable[bytes]]) -> None:
    """Write what *request* yields to the file *path*, whole or not at all; to standard output where *path* is empty.

    Raises: CliError; before *request* is called where the bytes would go to a terminal or cannot be written.
    """
    if not path:
        if os.isatty(1):
            raise CliError("cowardly refusing to save to a terminal: use the -o flag or redirect")
        for piece in request():
            write_all(1, piece)
        return
    if os.path.exists(path) and not os.path.isfile(path):
        _write_into(path, request)
        return
    try:
        number, draft = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path) or ".")
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None
    try:
        with open(number, "wb", buffering=0):
            _pour(number, path, request)
        os.rename(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _write_into(path: str, request: Callable[[], Iterable[bytes]]) -> None:
    """A device or a pipe, which nothing can be renamed onto."""
    try:
        with open(path, "wb", buffering=0) as file:
            _pour(file.fileno(), path, request)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None


def _pour(number: int, path: str, request: Callable[[], Iterable[bytes]]) -> None:
    for piece in request():
        try:
            write_all(number, piece)
        except OSError as error:
            raise CliError(f"cannot write {path}: {error.strerror}") from None
