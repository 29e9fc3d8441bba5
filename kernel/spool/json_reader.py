"""Reads a json-file log, also while it is written and rotated."""

import time
from collections import deque

from ck.kernel.spool.json_decode import Joiner, decode
from ck.kernel.spool.json_files import open_files
from ck.kernel.spool.json_seek import find_start
from ck.kernel.spool.lines import Lines, Selection, Sieve
from ck.kernel.spool.reader import Reader

BATCH = 256 * 1024
"""Bytes that are read at once; an entry that is longer is read in as many turns as it takes."""


class JsonFileReader(Reader):
    """See Reader."""

    def __init__(self, directory: str, selection: Selection, *, follow: bool) -> None:
        self._directory, self._follow = directory, follow
        self._sieve = Sieve(selection)
        self._joiner = Joiner()
        self._files = deque(open_files(directory, frozen=not follow))
        self._offset = 0
        self._exhausted = False  # nothing more will be written to this file
        if self._files:
            start = find_start(self._files, selection)
            for _ in range(start.place):
                self._files.popleft().close()
            self._offset, self._sieve.skip = start.offset, start.skip

    @property
    def past_until(self) -> bool:
        """See Reader."""
        return self._sieve.past_until

    def read(self) -> list[Lines]:
        """See Reader."""
        groups: list[Lines] = []
        while not groups and not self.past_until and self._has_file():
            text = self._whole_entries()
            if text:
                self._offset += len(text)
                self._exhausted = False
                groups = self._sieve.select(self._joiner.feed(decode(text)))
            elif not self._move_on(groups):
                break
        return groups

    def finish(self) -> list[Lines]:
        """See Reader."""
        return self._sieve.select(self._joiner.finish())

    def close(self) -> None:
        """See Reader."""
        while self._files:
            self._files.popleft().close()

    def _whole_entries(self) -> bytes:
        length = BATCH
        while True:
            text = self._files[0].read(self._offset, length)
            end = text.rfind(b"\n") + 1
            if end or len(text) < length:
                return text[:end]
            length *= 2

    def _has_file(self) -> bool:
        if not self._files and self._follow:
            self._files.extend(open_files(self._directory, frozen=False))
        return bool(self._files)

    def _move_on(self, groups: list[Lines]) -> bool:
        """No whole entry is at this place. Go to the next file; False if this is the end for now."""
        if len(self._files) == 1 and self._follow:
            self._find_successors(groups)
        if len(self._files) == 1:
            return False
        if self._follow and not self._exhausted:
            # The last entries may have been written between our look at this file and at its successor: look once more.
            self._exhausted = True
            return True
        self._exhausted = False
        self._files.popleft().close()
        self._offset = 0
        return True

    def _find_successors(self, groups: list[Lines]) -> None:
        known = self._files[0].inode
        files = open_files(self._directory, frozen=False)
        # Ours is open, so no other file can have its inode. If it was rotated away, the oldest left comes next.
        position = next((position for position, file in enumerate(files) if file.inode == known), -1)
        if position < 0 and len(files) > 1:
            notice = b"[ck: lines may have been rotated away before they were read]\n"
            groups += self._sieve.select([Lines(time.time_ns(), 2, [notice])])
        for file in files[: position + 1]:
            file.close()
        self._files.extend(files[position + 1 :])
