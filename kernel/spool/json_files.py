"""The files of a json-file log: `container-json.log` is written, `.1` is the newest of the older ones."""

import os
from contextlib import suppress

NAME = "container-json.log"


def current_path(directory: str) -> str:
    """The file that is written."""
    return f"{directory}/{NAME}"


def rotate(directory: str, max_files: int) -> None:
    """Make room for a new current file, keeping *max_files* - 1 older ones. Raises: OSError."""
    current = current_path(directory)
    if not os.path.exists(current):  # noqa: PTH110
        return  # done already, and then there was no space for the new file
    # Removed and renamed, never truncated: a reader in mid-file keeps what it has open.
    for number in old_numbers(directory):
        if number >= max_files - 1:
            os.unlink(f"{current}.{number}")  # noqa: PTH108 pathlib costs the shim 2 ms
        else:
            os.rename(f"{current}.{number}", f"{current}.{number + 1}")  # noqa: PTH104
    if max_files > 1:
        os.rename(current, f"{current}.1")  # noqa: PTH104
    else:
        os.unlink(current)  # noqa: PTH108


def old_numbers(directory: str) -> list[int]:
    """The numbers of the older files, the oldest (highest) first. Raises: OSError."""
    try:
        names = os.listdir(directory)  # noqa: PTH208
    except FileNotFoundError:
        return []
    suffixes = (name.removeprefix(NAME + ".") for name in names if name.startswith(NAME + "."))
    return sorted((int(suffix) for suffix in suffixes if suffix.isdecimal()), reverse=True)


class JsonFile:
    """An open file of the log, known by its inode whatever it is renamed to. With *frozen* it ends where it ended when
    it was opened. Raises: OSError."""

    def __init__(self, path: str, *, frozen: bool) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._fd)
        self.inode = status.st_ino
        self._frozen = status.st_size if frozen else None

    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._fd).st_size if self._frozen is None else self._frozen

    def read(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset*."""
        if self._frozen is not None:
            length = max(min(length, self._frozen - offset), 0)
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def open_files(directory: str, *, frozen: bool) -> list[JsonFile]:
    """Open all files of the log, oldest first. Raises: OSError."""
    current = current_path(directory)
    while True:
        paths = [*(f"{current}.{number}" for number in old_numbers(directory)), current]
        files: list[JsonFile] = []
        with suppress(FileNotFoundError):
            for path in paths:
                files.append(JsonFile(path, frozen=frozen))  # noqa: PERF401 those opened must be closed if one fails
        inodes = [file.inode for file in files]
        # A rotation between two opens makes a file come twice or not at all. One takes microseconds and comes seldom.
        if inodes == _inodes(directory):
            return files
        for file in files:
            file.close()


def _inodes(directory: str) -> list[int]:
    current = current_path(directory)
    found = []
    for path in (*(f"{current}.{number}" for number in old_numbers(directory)), current):
        with suppress(FileNotFoundError):
            found.append(os.stat(path).st_ino)  # noqa: PTH116
    return found
