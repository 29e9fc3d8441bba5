"""Finding a program in $PATH, and what runs it when it is a script."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from ck.kernel.errors import NotFound
from ck.plugins.builtin.registry_host._host import Host

MAX_SHEBANG: Final = 256  # BINPRM_BUF_SIZE, execve(2)


def find(host: Host, name: str, path: Sequence[str]) -> str:
    """The path of program *name* as a shell would find it in the directories *path*.

    A dispatcher of a version manager (pyenv, rbenv, nodenv, ...: `ROOT/shims/NAME`) stands for the program it would
    run: the one of the first version in `ROOT/version` that has it, else the next in $PATH.
    Raises: NotFound.
    """
    for directory in path:
        if not directory.startswith("/"):
            continue  # relative to whoever asks, which an engine cannot know
        candidate = f"{directory.rstrip('/')}/{name}"
        if not host.is_program(candidate):
            continue
        root, _, last = directory.rstrip("/").rpartition("/")
        versions = host.read(f"{root}/version") if last == "shims" else None
        if versions is None:
            return candidate
        for version in versions.decode(errors="surrogateescape").split():
            chosen = f"{root}/versions/{version}/bin/{name}"
            if host.is_program(chosen):
                return chosen
    raise NotFound(f'no program "{name}" in $PATH of this machine')


def shebang(head: bytes) -> tuple[str, ...]:
    """The interpreter and its one argument in the first line of a script; () for what is none. Pure.

    Source: execve(2), "Interpreter scripts".
    """
    line = head[:MAX_SHEBANG].partition(b"\n")[0]
    if not line.startswith(b"#!"):
        return ()
    words = line[2:].decode(errors="surrogateescape").strip(" \t").split(maxsplit=1)
    return tuple(words)


def behind_env(interpreter: Sequence[str]) -> str | None:
    """The program that env(1) as an interpreter looks up (`/usr/bin/env -S A=1 python3 -I` -> `python3`). Pure."""
    if len(interpreter) != 2 or PurePosixPath(interpreter[0]).name != "env":
        return None
    words = interpreter[1].split()
    return next((word for word in words if not word.startswith("-") and "=" not in word), None)
