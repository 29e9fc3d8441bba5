"""From a statement to an instruction: one reader for each keyword (reference.md, one section each)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ck.kernel.dockerfile.arguments import blank_words, command_line, json_words, pairs, quoted_words
from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean
from ck.kernel.dockerfile.flags import Flags
from ck.kernel.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from ck.kernel.dockerfile.lexer import Statement, split_statement
from ck.kernel.dockerfile.read_copy import read_add, read_copy
from ck.kernel.dockerfile.read_run import read_run
from ck.kernel.dockerfile.values import parse_interval

_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_MAX_INT32: Final = 2**31 - 1

# What every instruction is made with, and what is its own.
_Place = Mapping[str, Any]
_Reader = Callable[[Statement, str, _Place], Instruction]


def read_instruction(statement: Statement, escape: str) -> Instruction:
    """Raises: DockerfileError, without a line, for whatever is wrong with it."""
    reader = _READERS.get(statement.keyword.upper())
    if reader is None:
        raise DockerfileError(
            f"unknown instruction: {statement.keyword}{did_you_mean(statement.keyword, sorted(_READERS))}"
        )
    place = {"line": statement.line, "last_line": statement.last_line, "original": statement.original}
    return reader(statement, escape, place)


def _from(statement: Statement, _: str, place: _Place) -> From:
    words = blank_words(statement.rest)
    if len(words) != 1 and not (len(words) == 3 and words[1].upper() == "AS"):
        raise DockerfileError("FROM requires either one or three arguments")
    name = words[-1].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise DockerfileError(
            f'invalid name for build stage: "{words[-1]}", name can\'t start with a number or contain symbols'
        )
    flags = Flags(statement.flags, texts=["platform"])
    return From(image=words[0], name=name, platform=flags.text("platform"), **place)


def _arg(statement: Statement, escape: str, place: _Place) -> Arg:
    Flags(statement.flags)
    args: list[tuple[str, str | None]] = []
    for word in quoted_words(statement.rest, escape):
        name, equals, value = word.partition("=")
        if not name:
            raise DockerfileError("ARG names can not be blank")
        args.append((name, value if equals else None))
    if not args:
        raise DockerfileError("ARG requires at least one argument")
    return Arg(args=tuple(args), **place)


def _env(statement: Statement, escape: str, place: _Place) -> Env:
    Flags(statement.flags)
    return Env(pairs=pairs(statement.rest, escape, "ENV"), **place)


def _label(statement: Statement, escape: str, place: _Place) -> Label:
    Flags(statement.flags)
    return Label(pairs=pairs(statement.rest, escape, "LABEL"), **place)


def _cmd(statement: Statement, _: str, place: _Place) -> Cmd:
    Flags(statement.flags)
    return Cmd(**command_line(statement.rest), **place)


def _entrypoint(statement: Statement, _: str, place: _Place) -> Entrypoint:
    Flags(statement.flags)
    return Entrypoint(**command_line(statement.rest), **place)


def _one(keyword: str, statement: Statement) -> str:
    Flags(statement.flags)
    if not statement.rest:
        raise DockerfileError(f"{keyword} requires exactly one argument")
    return statement.rest


def _workdir(statement: Statement, _: str, place: _Place) -> Workdir:
    return Workdir(path=_one("WORKDIR", statement), **place)


def _user(statement: Statement, _: str, place: _Place) -> User:
    return User(user=_one("USER", statement), **place)


def _stopsignal(statement: Statement, _: str, place: _Place) -> StopSignal:
    return StopSignal(signal=_one("STOPSIGNAL", statement), **place)


def _maintainer(statement: Statement, _: str, place: _Place) -> Maintainer:
    return Maintainer(author=_one("MAINTAINER", statement), **place)


def _volume(statement: Statement, _: str, place: _Place) -> Volume:
    Flags(statement.flags)
    words = json_words(statement.rest)
    paths = tuple(path.strip() for path in (blank_words(statement.rest) if words is None else words))
    if not paths:
        raise DockerfileError("VOLUME requires at least one argument")
    if "" in paths:
        raise DockerfileError("VOLUME specified can not be an empty string")
    return Volume(paths=paths, **place)


def _expose(statement: Statement, _: str, place: _Place) -> Expose:
    Flags(statement.flags)
    ports = blank_words(statement.rest)
    if not ports:
        raise DockerfileError("EXPOSE requires at least one argument")
    return Expose(ports=ports, **place)


def _healthcheck(statement: Statement, _: str, place: _Place) -> Healthcheck:
    durations = ("interval", "timeout", "start-period", "start-interval")
    flags = Flags(statement.flags, texts=[*durations, "retries"])
    kind, *rest = statement.rest.split(maxsplit=1)[:2] or [""]
    if not kind:
        raise DockerfileError("HEALTHCHECK requires at least one argument")
    if kind.upper() == "NONE":
        if rest:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(test=("NONE",), **place)
    if kind.upper() != "CMD":
        raise DockerfileError(f'unknown type "{kind}" in HEALTHCHECK (try CMD)')
    command = command_line(rest[0] if rest else "")
    if not command["args"]:
        raise DockerfileError("missing command after HEALTHCHECK CMD")
    test = ("CMD-SHELL" if command["shell"] else "CMD", *command["args"])
    times: dict[str, Any] = {name.replace("-", "_"): parse_interval(flags.text(name), name) for name in durations}
    return Healthcheck(test=test, **times, retries=_retries(flags.text("retries")), **place)


def _retries(text: str) -> int:
    if not text:
        return 0
    if not (len(text) <= 20 and re.fullmatch(r"[+-]?[0-9]+", text) and abs(int(text)) <= _MAX_INT32):
        raise DockerfileError(f'invalid number "{text}" on flag: --retries')
    if int(text) < 0:
        raise DockerfileError(f"--retries cannot be negative ({text})")
    return int(text)


def _shell(statement: Statement, _: str, place: _Place) -> Shell:
    Flags(statement.flags)
    words = json_words(statement.rest)
    if words is None and statement.rest:
        raise DockerfileError("SHELL requires the arguments to be in JSON form")
    if not words:
        raise DockerfileError("SHELL requires at least one argument")
    return Shell(args=words, **place)


def _onbuild(statement: Statement, escape: str, place: _Place) -> OnBuild:
    Flags(statement.flags)
    if not statement.rest:
        raise DockerfileError("ONBUILD requires at least one argument")
    keyword, flags, rest = split_statement(statement.rest, escape)
    if keyword.upper() == "ONBUILD":
        raise DockerfileError("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if keyword.upper() in ("MAINTAINER", "FROM"):
        raise DockerfileError(f"{keyword.upper()} isn't allowed as an ONBUILD trigger")
    trigger = Statement(
        keyword=keyword,
        flags=flags,
        rest=rest,
        original=statement.rest,
        heredocs=statement.heredocs,
        line=statement.line,
        last_line=statement.last_line,
    )
    # What is wrong with it is better told here than to those who build on this image.
    read_instruction(trigger, escape)
    bodies = "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in statement.heredocs)
    return OnBuild(expression=statement.rest + bodies, **place)


_READERS: Final[Mapping[str, _Reader]] = {
    "ADD": read_add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": read_copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": read_run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
