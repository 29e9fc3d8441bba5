"""Command lines as tables: the flags of a command are data, which parsing, help and completion read.

The rules are those of Docker's commands: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-itd`,
`--switch=false`, and `--` ends the flags. (argparse costs 8 ms to import and knows neither `--switch=false` nor flags
that end at the image.)
"""

from __future__ import annotations

from ck.cli.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


class Flag:
    """One flag. *kind* is the word that help shows for its value; "" is a switch. *many*: it may be repeated. One
    without *help* is neither shown nor offered: it is there for who has always given it, and changes nothing.

    *completes* is what completion offers: a noun ("container", "image", "volume", "network") or words.
    """

    __slots__ = ("completes", "default", "help", "kind", "many", "name", "short")

    def __init__(
        self,
        name: str,
        short: str,
        kind: str,
        help: str,
        *,
        default: str = "",
        many: bool = False,
        completes: str | tuple[str, ...] = (),
    ) -> None:
        self.name, self.short, self.kind, self.help = name, short, kind, help
        self.default, self.many, self.completes = default, many, completes

    @property
    def label(self) -> str:
        """As error sentences call it: `-e, --env`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


def switch(name: str, help: str, short: str = "", *, default: bool = False) -> Flag:
    """A flag without a value; `--name=false` is allowed."""
    return Flag(name, short, "", help, default="true" if default else "")


def text(
    name: str,
    help: str,
    short: str = "",
    *,
    kind: str = "string",
    default: str = "",
    completes: str | tuple[str, ...] = (),
) -> Flag:
    """A flag with one value; the last one counts."""
    return Flag(name, short, kind, help, default=default, completes=completes)


def texts(name: str, help: str, short: str = "", *, kind: str = "list", completes: str | tuple[str, ...] = ()) -> Flag:
    """A flag that may be given more than once."""
    return Flag(name, short, kind, help, many=True, completes=completes)


class Command:
    """What a command takes: its usage line is `ck PATH [OPTIONS] USAGE`.

    *minimum* and *maximum* count the arguments (None: any number); *interspersed* False ends the flags at the first
    argument; *failure* is the exit code of an engine error; *completes* is the noun of each argument, the last one for
    all that follow.
    """

    def __init__(
        self,
        usage: str,
        help: str,
        flags: tuple[Flag, ...] = (),
        *,
        minimum: int = 0,
        maximum: int | None = 0,
        interspersed: bool = True,
        failure: int = 1,
        completes: tuple[str | tuple[str, ...], ...] = (),
    ) -> None:
        self.usage, self.help, self.flags = usage, help, flags
        self.minimum, self.maximum, self.interspersed = minimum, maximum, interspersed
        self.failure, self.completes = failure, completes


class Args:
    """A parsed command line. The accessors raise UsageError where a value is malformed."""

    def __init__(self, flags: tuple[Flag, ...], given: dict[str, list[str]], words: list[str]) -> None:
        self._flags = {flag.name: flag for flag in flags}
        self._given = given
        self.words = words

    def given(self, name: str) -> bool:
        """Whether the flag was on the command line."""
        return name in self._given

    def text(self, name: str) -> str:
        """The last value, or the default."""
        values = self._given.get(name)
        return values[-1] if values else self._flags[name].default

    def texts(self, name: str) -> list[str]:
        """All values, in their order."""
        return self._given.get(name, [])

    def on(self, name: str) -> bool:
        """A switch."""
        value = self.text(name)
        return self.convert(name, value, _truth) if value else False

    def number(self, name: str) -> int:
        """A whole number; 0 where neither value nor default is."""
        value = self.text(name)
        return self.convert(name, value, _whole) if value else 0

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of *choices*."""
        value = self.text(name)
        if value not in choices:
            raise self.invalid(name, value, f"must be one of {', '.join(choices)}")
        return value

    def convert(self, name: str, value: str, parse: Callable[[str], T]) -> T:
        """Apply *parse* to a value of flag *name*; a ValueError becomes a UsageError that names both."""
        try:
            return parse(value)
        except ValueError as error:
            raise self.invalid(name, value, str(error)) from None

    def parsed(self, name: str, parse: Callable[[str], T]) -> list[T]:
        """`convert` for each value of a repeatable flag."""
        return [self.convert(name, value, parse) for value in self.texts(name)]

    def invalid(self, name: str, value: str, reason: str) -> UsageError:
        """The error for a malformed value."""
        return UsageError(f'invalid argument "{value}" for "{self._flags[name].label}" flag: {reason}', 125)


def _truth(value: str) -> bool:
    if value.lower() not in TRUTHS:
        raise ValueError("neither true nor false")
    return TRUTHS[value.lower()]


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError("not a whole number") from None


HELP = switch("help", "Print usage")


def parse(argv: Sequence[str], flags: tuple[Flag, ...], *, interspersed: bool = True) -> Args:
    """Split *argv* into flags and arguments. Raises: UsageError with exit code 125, as Docker's commands do."""
    by_name = {flag.name: flag for flag in (*flags, HELP)}
    by_short = {"h": HELP} | {flag.short: flag for flag in flags if flag.short}
    given: dict[str, list[str]] = {}
    words: list[str] = []
    rest = list(reversed(argv))
    while rest:
        word = rest.pop()
        if word == "--":
            words.extend(reversed(rest))
            break
        if word.startswith("--"):
            _parse_long(word, by_name, given, rest)
        elif word.startswith("-") and word != "-":
            _parse_shorts(word, by_short, given, rest)
        else:
            words.append(word)
            if not interspersed:
                words.extend(reversed(rest))
                break
    return Args((*flags, HELP), given, words)


def _parse_long(word: str, by_name: dict[str, Flag], given: dict[str, list[str]], rest: list[str]) -> None:
    name, equals, value = word[2:].partition("=")
    flag = by_name.get(name)
    if flag is None:
        raise UsageError(f"unknown flag: --{name}", 125)
    if not equals:
        if not flag.kind:
            value = "true"
        elif rest:
            value = rest.pop()
        else:
            raise UsageError(f"flag needs an argument: --{name}", 125)
    given.setdefault(name, []).append(value)


def _parse_shorts(word: str, by_short: dict[str, Flag], given: dict[str, list[str]], rest: list[str]) -> None:
    for place, letter in enumerate(word[1:], 1):
        flag = by_short.get(letter)
        if flag is None:
            raise UsageError(f"unknown shorthand flag: '{letter}' in {word}", 125)
        tail = word[place + 1 :]
        if not flag.kind and not tail.startswith("="):
            given.setdefault(flag.name, []).append("true")
            continue
        if tail:
            value = tail.removeprefix("=")
        elif rest:
            value = rest.pop()
        else:
            raise UsageError(f"flag needs an argument: '{letter}' in {word}", 125)
        given.setdefault(flag.name, []).append(value)
        return
