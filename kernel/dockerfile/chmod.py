"""What `--chmod` says: a mode in octal, or changes to one as chmod(1) has them. Pure."""

import re
from functools import reduce
from stat import S_IRWXG, S_IRWXO, S_IRWXU, S_ISGID, S_ISUID, S_ISVTX
from typing import Final, Self

import attrs

from ck.kernel.dockerfile.errors import DockerfileError

_OCTAL: Final = re.compile(r"[0-7]{1,4}")
_PERMISSIONS: Final = r"[-+=](?:[ugo]|[rwxXst]*)"
_CLAUSE: Final = re.compile(rf"([ugoa]*)((?:{_PERMISSIONS})+)")
_EXECUTE: Final = 0o111
# A class of users stands for its special bit too: "o" for the sticky one.
_USERS: Final = {"u": S_ISUID | S_IRWXU, "g": S_ISGID | S_IRWXG, "o": S_ISVTX | S_IRWXO, "a": 0o7777}
_BITS: Final = {"r": 0o444, "w": 0o222, "x": _EXECUTE, "X": 0, "s": S_ISUID | S_ISGID, "t": S_ISVTX}
_SHIFTS: Final = {"u": 6, "g": 3, "o": 0}


@attrs.frozen
class _Change:
    """`affected` are the bits of the users that it is for, `permissions` letters, or a class of users to copy from."""

    affected: int
    operator: str
    permissions: str

    def apply(self, mode: int, *, directory: bool) -> int:
        if self.permissions in _SHIFTS:
            value = (mode >> _SHIFTS[self.permissions] & 0o7) * _EXECUTE
        else:
            value = reduce(lambda bits, letter: bits | _BITS[letter], self.permissions, 0)
            if "X" in self.permissions and (directory or mode & _EXECUTE):
                value |= _EXECUTE
        value &= self.affected
        match self.operator:
            case "+":
                return mode | value
            case "-":
                return mode & ~value
            case _:  # a directory keeps the set-ID bits that nothing is said of
                kept = (S_ISUID | S_ISGID) & ~value if directory else 0
                return mode & (~self.affected | kept) | value


@attrs.frozen
class Chmod:
    """`mode`, if that is given, or what the changes make of a file's own."""

    mode: int | None = None
    _changes: tuple[_Change, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """ "755", "u=rwX,go=rX"; where no users are named it is for all. Raises: DockerfileError."""
        if _OCTAL.fullmatch(text):
            return cls(mode=int(text, 8))
        changes: list[_Change] = []
        for clause in text.split(","):
            found = _CLAUSE.fullmatch(clause)
            if found is None:
                raise DockerfileError(
                    f"invalid chmod parameter: {text!r}: it should be octal (755) or symbolic (u=rwX,go=rX)"
                )
            affected = reduce(lambda bits, user: bits | _USERS[user], found[1] or "a", 0)
            changes += [_Change(affected, each[0], each[1:]) for each in re.findall(_PERMISSIONS, found[2])]
        return cls(changes=tuple(changes))

    def apply(self, mode: int, *, directory: bool) -> int:
        """The mode of what had *mode* (the lower twelve bits)."""
        if self.mode is not None:
            return self.mode
        return reduce(lambda now, change: change.apply(now, directory=directory), self._changes, mode)
