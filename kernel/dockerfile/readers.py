"""From a statement to an instruction: one reader for each keyword (reference.md, one section each)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ck.kernel.dockerfile.arguments import blank_words, json_words, pairs, quoted_words
from ck.kernel.dockerfile.errors import DockerfileError, did_you_mean
from ck.kernel.dockerfile.flags import Flags
from ck.kernel.dockerfile.heredoc import Heredoc, parse_heredoc, raw_words
from ck.kernel.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    SourceContent,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from ck.kernel.dockerfile.lexer import Statement, split_statement
from ck.kernel.dockerfile.mounts import mount_source, parse_mount
from ck.kernel.dockerfile.values import parse_interval

NETWORKS: Final = ("default", "none", "host")
SECURITY: Final = ("sandbox", "insecure")
SCRIPTS: Final = "/dev/pipes"
"""Where a RUN finds the heredoc that is its script."""

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


def _command(rest: str) -> dict[str, Any]:
    words = json_words(rest)
    return {"args": words, "shell": False} if words is not None else {"args": (rest,) if rest else (), "shell": True}


def _run(statement: Statement, _: str, place: _Place) -> Run:
    flags = Flags(statement.flags, texts=["network", "security"], lists=["mount"])
    network, security = flags.text("network") or "default", flags.text("security") or "sandbox"
    if network not in NETWORKS:
        raise DockerfileError(f'invalid network mode "{network}"{did_you_mean(network, NETWORKS)}')
    if security not in SECURITY:
        raise DockerfileError(f'security "{security}" is not valid{did_you_mean(security, SECURITY)}')
    for flag in flags.texts("mount"):
        mount_source(flag)
        if "$" not in flag:
            # Wrong for every value of every variable, so it is told before anything is built.
            parse_mount(flag, lambda text: text)
    command, script = _with_heredocs(statement)
    return Run(**command, mount_flags=flags.texts("mount"), network=network, security=security, script=script, **place)


def _with_heredocs(statement: Statement) -> tuple[dict[str, Any], Heredoc | None]:
    """The command of a RUN as its shell is to see it, and the script that it names, if it does."""
    command = _command(statement.rest)
    heredocs = statement.heredocs
    if not heredocs:
        return command, None
    if parse_heredoc(statement.rest) is None:
        # It redirects heredocs or names a program for them: put together again for the shell to read.
        bodies = "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in heredocs)
        return command | {"args": (statement.rest + bodies,)}, None
    if not heredocs[0].text.startswith("#!"):
        return command | {"args": (heredocs[0].text,)}, None
    return command | {"args": (f"{SCRIPTS}/{heredocs[0].name}",)}, heredocs[0]


def _cmd(statement: Statement, _: str, place: _Place) -> Cmd:
    Flags(statement.flags)
    return Cmd(**_command(statement.rest), **place)


def _entrypoint(statement: Statement, _: str, place: _Place) -> Entrypoint:
    Flags(statement.flags)
    return Entrypoint(**_command(statement.rest), **place)


def _copy(statement: Statement, _: str, place: _Place) -> Copy:
    flags = Flags(statement.flags, texts=["from", "chown", "chmod"], lists=["exclude"], bools=["link", "parents"])
    if "$" in flags.text("from"):
        raise DockerfileError(
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope"
            " as a workaround"
        )
    return Copy(
        **_sources("COPY", statement),
        **_shared(flags),
        from_=flags.text("from"),
        parents=flags.switch("parents") or False,
        **place,
    )


def _add(statement: Statement, _: str, place: _Place) -> Add:
    flags = Flags(
        statement.flags,
        texts=["chown", "chmod", "checksum"],
        lists=["exclude"],
        bools=["link", "keep-git-dir", "unpack"],
    )
    return Add(
        **_sources("ADD", statement),
        **_shared(flags),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.switch("keep-git-dir") or False,
        unpack=flags.switch("unpack"),
        **place,
    )


def _shared(flags: Flags) -> dict[str, Any]:
    return {
        "chown": flags.text("chown"),
        "chmod": flags.text("chmod"),
        "link": flags.switch("link") or False,
        "exclude": flags.texts("exclude"),
    }


def _sources(keyword: str, statement: Statement) -> dict[str, Any]:
    rest, heredocs = statement.rest, list(statement.heredocs)
    words = json_words(rest)
    if words is None:
        words = tuple(raw_words(rest)) if heredocs else blank_words(rest)
    if len(words) < 2:
        raise DockerfileError(
            f"{keyword} requires at least two arguments, but only {len(words)} was provided. "
            "Destination could not be determined"
        )
    if not heredocs:
        return {"sources": words[:-1], "contents": (), "dest": words[-1]}
    opened = [parse_heredoc(word) is not None for word in words]
    if opened[-1]:
        raise DockerfileError(f"{keyword} cannot accept a heredoc as a destination")
    contents = [SourceContent(name=found.name, data=found.text, expand=found.expand) for found in heredocs]
    paths = tuple(word for word, is_heredoc in zip(words[:-1], opened, strict=False) if not is_heredoc)
    return {"sources": paths, "contents": tuple(contents), "dest": words[-1]}


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
    command = _command(rest[0] if rest else "")
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
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
