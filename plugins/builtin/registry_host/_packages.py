"""Which files of a distribution's packages belong to an interpreter: one meaning for dpkg, rpm and apk.

A distribution cuts one interpreter into several packages (python3.11, python3.11-minimal, libpython3.11-stdlib, ...),
all built from one source package. So the files of an interpreter are those of its package and of its siblings that are
installed, but for what serves development, documentation and tests, and Tk, which no container has a display for.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, Protocol

import attrs

_NOT_FOR_RUNNING: Final = re.compile(
    r"^idle|-(dev|devel|dbg|dbgsym|debuginfo|debugsource|docs?|man|help|tests?|testsuite|examples|static|venv|idle|tk|tkinter)$"
)
_LEFT_OUT: Final = re.compile(
    r"^/usr/(include|src|games)/"
    r"|^/usr/share/(doc|man|info|locale|lintian|bug|applications|pixmaps|icons|gdb|bash-completion|zsh|menu|binfmts)/"
    r"|^/(usr/)?(s?bin)/"  # other programs of the packages; the one asked for comes by itself
    r"|/(tests?|idlelib|turtledemo|ensurepip|tkinter|site-packages|dist-packages|__pycache__|pkgconfig)/"
    r"|/lib/python[^/]*/config-[^/]*/"
    r"|/_tkinter\.|\.(a|la|h)$"
)


@attrs.frozen
class Package:
    """An installed binary package, and the source package it was built from."""

    name: str
    source: str


class PackageManager(Protocol):
    """What is asked of a distribution's database."""

    def installed(self) -> Sequence[Package]: ...

    def owner(self, paths: Sequence[str]) -> str | None:
        """The name of the package that has one of *paths*: spellings of one file (/bin/x, /usr/bin/x)."""

    def files(self, package: str) -> Iterable[str]: ...


def spellings(path: str) -> tuple[str, ...]:
    """*path* as packages may have it from before /bin, /lib and /sbin became links into /usr. Pure."""
    if re.match(r"/usr/(s?bin|lib[^/]*)/", path):
        return path, path.removeprefix("/usr")
    if re.match(r"/(s?bin|lib[^/]*)/", path):
        return path, f"/usr{path}"
    return (path,)


def siblings(owner: str, installed: Iterable[Package]) -> list[str]:
    """The packages that make up the program whose file *owner* has. Pure."""
    packages = list(installed)
    source = next((p.source for p in packages if p.name == owner), None)
    return sorted({owner, *(p.name for p in packages if p.source == source and not _NOT_FOR_RUNNING.search(p.name))})


def wanted(path: str) -> bool:
    """Whether an image of an interpreter needs its file *path*. Pure."""
    return not _LEFT_OUT.search(path)


def bytecode(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """For each Python module of *paths*: the directory of its compiled form, and how that file's name begins. Pure.

    Compiled modules are no part of most packages, but without them each start of a container would compile anew.
    """
    for path in map(PurePosixPath, paths):
        if path.suffix == ".py":
            yield f"{path.parent}/__pycache__", f"{path.stem}."


def program_files(manager: PackageManager, program: str) -> list[str] | None:
    """The files of the interpreter at the real path *program*, or None if no package has it."""
    owner = manager.owner(spellings(program))
    if owner is None:
        return None
    packages = siblings(owner, manager.installed())
    return [path for package in packages for path in manager.files(package) if wanted(path)]
