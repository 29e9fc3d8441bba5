"""The files of a `local` log: their names, which there are, and how they are read."""

import os
from contextlib import suppress

from ck.kernel.spool.local_frame import BLOCK, Frame, frames

_SUFFIX = ".cklog"


def segment_path(directory: str, number: int) -> str:
    """Where segment *number* is."""
    return f"{directory}/{number:08d}{_SUFFIX}"


def segment_numbers(directory: str) -> list[int]:
    """The segments that there are, oldest first. A directory that is missing has none. Raises: OSError."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 pathlib costs the shim 2 ms
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


class Segment:
    """An open segment. It stays readable when rotation removes its file. With *frozen* it ends where it ended when it
    was opened, whatever is written later. Raises: OSError (FileNotFoundError if it is gone already)."""

    def __init__(self, directory: str, number: int, *, frozen: bool) -> None:
        self.number = number
        self._fd = os.open(segment_path(directory, number), os.O_RDONLY | os.O_CLOEXEC)
        self._frozen = os.fstat(self._fd).st_size if frozen else None

    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._fd).st_size if self._frozen is None else self._frozen

    def blocks(self) -> int:
        """How many blocks there are, the last one begun perhaps."""
        return -(-self.size() // BLOCK)

    def rest_of_block(self, offset: int) -> bytes:
        """What there is from *offset* to the end of its block."""
        length = BLOCK - offset % BLOCK
        if self._frozen is not None:
            length = min(length, self._frozen - offset)
        return os.pread(self._fd, length, offset)

    def first_frame(self, block: int) -> Frame | None:
        """The frame at the start of a block; None if it is damaged or not there."""
        return next(frames(self.rest_of_block(block * BLOCK)), None)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def open_segments(directory: str, *, after: int = 0, frozen: bool) -> list[Segment]:
    """Open all segments with numbers above *after* that are there, oldest first. Raises: OSError."""
    opened = []
    for number in segment_numbers(directory):
        if number > after:
            # Rotation may remove the oldest one while we come.
            with suppress(FileNotFoundError):
                opened.append(Segment(directory, number, frozen=frozen))
    return opened
