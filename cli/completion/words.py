"""`ck __complete WORDS...`: what may follow, one word a line. The scripts of all shells call this."""

from __future__ import annotations

from ck.cli import catalog
from ck.cli.errors import CliError
from ck.cli.flags import HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ck.cli.client.api import Client
    from ck.cli.flags import Command, Flag

FILES = "__files__"  # told to the script: complete file names


def complete(words: list[str], global_flags: tuple[Flag, ...], client: Client) -> int:
    """Print the candidates for the last of *words*, which may be empty."""
    current = words[-1] if words else ""
    for candidate in sorted(set(candidates(words[:-1], current, global_flags, client))):
        if candidate == FILES or candidate.startswith(current):
            print(candidate)
    return 0


def candidates(before: list[str], current: str, global_flags: tuple[Flag, ...], client: Client) -> Iterator[str]:
    """What may stand where *current* is being typed, after the words *before*."""
    rest = list(_without_flags(before, global_flags))
    name, count = catalog.resolve(rest)
    if name:
        yield from _of_command(catalog.load(name).COMMAND, rest[count:], current, client)
    elif rest and rest[0] in catalog.NOUNS:
        yield from (verb for verb, _ in catalog.verbs(rest[0]))
    elif not rest:
        if current.startswith("-"):
            yield from _spelled(global_flags)
        else:
            yield from (word for word, _ in catalog.verbs(""))
            yield from catalog.NOUNS
            yield "help"


def _without_flags(words: Iterable[str], flags: tuple[Flag, ...]) -> Iterator[str]:
    """*words* from the first one on that is neither a global flag nor its value."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            yield word
            yield from rest
            return
        flag = _flag(word, flags)
        if flag is not None and flag.kind and "=" not in word:
            next(rest, None)


def _of_command(command: Command, words: list[str], current: str, client: Client) -> Iterator[str]:
    place = 0
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word.startswith("-") and word != "-" and (command.interspersed or not place):
            flag = _flag(word, command.flags)
            takes_next = flag is not None and bool(flag.kind) and "=" not in word
            if takes_next and index == len(words) - 1:
                assert flag is not None
                yield from _values(flag.completes, client)
                return
            skip = takes_next
        else:
            place += 1
    if current.startswith("-") and (command.interspersed or not place):
        yield from _spelled((*command.flags, HELP))
    elif command.completes:
        yield from _values(command.completes[min(place, len(command.completes) - 1)], client)


def _flag(word: str, flags: tuple[Flag, ...]) -> Flag | None:
    """The flag whose value may follow *word*: for `-itv` it is the last letter's."""
    for flag in flags:
        if word.startswith("--") and word[2:].partition("=")[0] == flag.name:
            return flag
        if not word.startswith("--") and flag.short and word[-1] == flag.short:
            return flag
    return None


def _spelled(flags: Iterable[Flag]) -> Iterator[str]:
    for flag in flags:
        if flag.help:
            yield f"--{flag.name}"


def _values(what: str | tuple[str, ...], client: Client) -> Iterator[str]:
    if isinstance(what, tuple):
        yield from what
        return
    try:
        yield from _names(what, client)
    except CliError:
        return  # no engine, no names: a completion that prints errors would spoil the user's line
    if what in {"", "volume"}:
        yield FILES


def _names(noun: str, client: Client) -> Iterator[str]:
    if noun in {"container", "running"}:
        for container in client.get("/containers/json", all=noun == "container"):
            yield from (name.removeprefix("/") for name in container["Names"])
    elif noun == "image":
        for image in client.get("/images/json"):
            yield from (tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>")
    elif noun == "volume":
        yield from (volume["Name"] for volume in client.get("/volumes")["Volumes"] or ())
    elif noun == "network":
        yield from (network["Name"] for network in client.get("/networks"))
