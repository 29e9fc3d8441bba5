"""The library of an interpreter: the files without which python3 or perl is only a program."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from ck.plugins.builtin.registry_host._databases import package_manager
from ck.plugins.builtin.registry_host._host import Host
from ck.plugins.builtin.registry_host._packages import bytecode, program_files, wanted

_INTERPRETER: Final = re.compile(r"(python|pypy|perl|ruby|node|php|tclsh|guile|java)[\d.]*|nodejs")
_LIBRARY_OF: Final = {"tclsh": "tcl"}


def stem(program: str) -> str | None:
    """What kind of interpreter the program at *program* is ("python" for /usr/bin/python3.11), or None. Pure."""
    match = _INTERPRETER.fullmatch(PurePosixPath(program).name)
    return match and (match[1] or match[0])


def library_files(host: Host, program: str) -> Iterator[str]:
    """The library of the interpreter at the real path *program*: of its package, else of the prefix it stands in.

    Yields paths as the package or the directory has them; they may be links, and those of a package may be missing.
    """
    manager = package_manager(host)
    files = program_files(manager, program) if manager else None
    if files is None:
        files = list(_prefix_files(host, PurePosixPath(program)))
    yield from files
    yield from _compiled(host, files)


def _prefix_files(host: Host, program: PurePosixPath) -> Iterator[str]:
    """Files of PREFIX/lib/python3.11 for PREFIX/bin/python3.11; of PREFIX/lib/ruby* where none has the same name."""

    def below_prefix(path: str) -> bool:
        # The prefix itself may lie in a directory named "test".
        return wanted(path.removeprefix(str(program.parent.parent)))

    directory = program.parent.parent / "lib"
    kind = stem(str(program)) or program.name
    names = [name for name in host.names(str(directory)) if name.startswith(_LIBRARY_OF.get(kind, kind))]
    for name in [program.name] if program.name in names else names:
        yield from filter(below_prefix, host.tree(f"{directory}/{name}", enter=below_prefix))


def _compiled(host: Host, files: list[str]) -> Iterator[str]:
    modules = set(bytecode(files))
    for directory in sorted({directory for directory, _ in modules}):
        for name in host.names(directory):
            base = name.partition(".")[0]
            if (directory, f"{base}.") in modules and name.endswith(".pyc") and ".opt-" not in name:
                yield f"{directory}/{name}"
