"""The flags between an instruction's keyword and its arguments: `--name=value`, or `--name` for a yes."""

from collections.abc import Sequence
from typing import Final

from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean

_BOOLS: Final = {"true": True, "false": False}


def split_flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The words at the start of *text* that begin with `--`, unquoted, and what follows. A bare `--` ends them."""
    flags: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), text[at:]
        flag, at = _flag(text, at, escape)
        if flag == "--":
            return tuple(flags), text[at:]
        flags.append(flag)


def _flag(text: str, at: int, escape: str) -> tuple[str, int]:
    """The flag that begins at *at*, and where it ends."""
    found: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if not quote and char.isspace():
            break
        if char == escape:
            at += 1
            found.append(text[at : at + 1])
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        else:
            found.append(char)
        at += 1
    return "".join(found), at


class Flags:
    """The flags of one statement, checked against those that its instruction has."""

    def __init__(
        self, written: Sequence[str], *, texts: Sequence[str] = (), lists: Sequence[str] = (), bools: Sequence[str] = ()
    ) -> None:
        """Raises: DockerfileError for a flag that is unknown, given twice, or without the value that it needs."""
        self._values: dict[str, list[str]] = {}
        for flag in written:
            name, equals, value = flag.removeprefix("--").partition("=")
            if name not in (*texts, *lists, *bools):
                known = [f"--{known}" for known in (*texts, *lists, *bools)]
                raise DockerfileError(f"unknown flag: --{name}{did_you_mean(f'--{name}', known)}")
            if name in self._values and name not in lists:
                raise DockerfileError(f"duplicate flag specified: --{name}")
            if not equals and name in bools:
                value = "true"
            elif not value and (not equals or name in bools):
                raise DockerfileError(f"missing a value on flag: --{name}")
            if name in bools and value.lower() not in _BOOLS:
                raise DockerfileError(f"expecting boolean value for flag --{name}, not: {value}")
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """The value of a flag, "" where it is not given."""
        return self._values.get(name, [""])[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of a flag that may be given several times."""
        return tuple(self._values.get(name, ()))

    def switch(self, name: str) -> bool | None:
        """None where the flag is not given."""
        return _BOOLS[self._values[name][0].lower()] if name in self._values else None
