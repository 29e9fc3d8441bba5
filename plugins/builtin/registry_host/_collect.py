"""All files that a program needs to run: itself, its interpreter, their libraries, and what these open by name."""

import re
import stat
from collections import deque
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from ck.kernel.errors import CorruptData, NotFound
from ck.plugins.builtin.registry_host import _interpreter, _ldcache, _ldso, _program
from ck.plugins.builtin.registry_host._elf import Elf, read_elf
from ck.plugins.builtin.registry_host._host import FileKey, Host
from ck.plugins.builtin.registry_host._ldso import Loaded

MAX_SCRIPTS: Final = 5  # as deep as the kernel follows interpreters of interpreters, execve(2)

# What a library opens with dlopen(3), so that nothing but this table tells of it.
OPENED_BY: Final = {
    # Names are resolved through NSS; pthread_exit(3) and thread cancellation abort without libgcc_s.
    "libc.so.6": ("libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"),
}
_TERMINAL_LIBRARY: Final = re.compile(r"lib(tinfo|ncurses)w?\.so")
TERMINFO: Final = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo")
TERMINALS: Final = (
    *("ansi", "dumb", "linux", "screen", "screen-256color", "tmux", "tmux-256color"),
    *("vt100", "vt220", "xterm", "xterm-256color"),
)
_SHARED_OBJECT: Final = re.compile(r"\.so(\.[\d.]+)?$")


class Collector:
    """Collects into `paths` every link and file of the host, by its place there; into `cached` the libraries that
    ld.so finds by its cache; into `programs` the directories of programs that are looked up in $PATH.

    *elfs* remembers what was read of unchanged files from one collector to the next.
    """

    def __init__(self, host: Host, path: Sequence[str], elfs: MutableMapping[FileKey, Elf | None]) -> None:
        self.paths: set[str] = set()
        self.cached: set[_ldcache.CacheEntry] = set()
        self.programs: list[str] = []
        self._host = host
        self._path = path
        self._elfs = elfs
        self._linked: set[str] = set()
        self._ld_cache: dict[str, list[_ldcache.CacheEntry]] | None = None

    def program(self, name: str, depth: int = 0) -> str:
        """Collect the program that $PATH has by *name*; return its path. Raises: NotFound, CorruptData."""
        found = _program.find(self._host, name, self._path)
        directory = str(PurePosixPath(found).parent)
        if directory not in self.programs:
            self.programs.append(directory)
        self._executable(found, depth)
        return found

    def add(self, path: str) -> str:
        """Collect one file and the links on the way to it; return its real path. Raises: NotFound."""
        resolved = self._host.resolve(path)
        self.paths.update((*resolved.links, resolved.path))
        return resolved.path

    def add_if_public(self, path: str) -> str | None:
        """Collect a file that everybody may read; return its real path, or None for any other path.

        A directory comes without what is in it, but with the links on the way, which versions are often named by.
        """
        found = self._host.find(path)
        # What root alone may read on the host must not become readable in an image.
        public = (
            found is not None and found.mode & stat.S_IROTH and (stat.S_ISREG(found.mode) or stat.S_ISDIR(found.mode))
        )
        return self.add(path) if public else None

    def _executable(self, path: str, depth: int) -> None:
        if depth > MAX_SCRIPTS:
            raise CorruptData(f'"{path}" is a script whose interpreter is a script, more than {MAX_SCRIPTS} deep')
        real = self.add(path)
        elf = self._elf(real)
        if elf is None:
            self._script(real, depth)
            return
        if elf.interpreter:
            self.add(elf.interpreter)
        self._link(Loaded(real, elf), elf.interpreter or "", required=True)
        if _interpreter.stem(real):
            self._library(real, elf)

    def _script(self, path: str, depth: int) -> None:
        with self._host.open(path) as file:
            interpreter = _program.shebang(file.read(_program.MAX_SHEBANG))
        if not interpreter:
            return
        if not self._host.is_file(interpreter[0]):
            raise NotFound(f'"{path}" needs the interpreter "{interpreter[0]}", which is not on this machine')
        self._executable(interpreter[0], depth + 1)
        if name := _program.behind_env(interpreter):
            self.program(name, depth + 1)

    def _library(self, program: str, elf: Elf) -> None:
        for path in _interpreter.library_files(self._host, program):
            real = self.add_if_public(path)
            if real and _SHARED_OBJECT.search(real) and (module := self._elf(real)):
                # A module that cannot be loaded here need not be loadable there: Tk without a display, for one.
                self._link(Loaded(real, module, Loaded(program, elf)), elf.interpreter or "", required=False)

    def _link(self, root: Loaded, interpreter: str, *, required: bool) -> None:
        """Collect what *root* is linked with, breadth first as ld.so loads it."""
        queue = deque([(root, required)])
        while queue:
            by, must = queue.popleft()
            opened = OPENED_BY.get(PurePosixPath(by.path).name, ())
            for name, needed in [*((n, must) for n in by.elf.needed), *((n, False) for n in opened)]:
                library = self._find(name, by, interpreter)
                if library is None:
                    if needed:
                        raise NotFound(f'"{by.path}" needs the library "{name}", which is not on this machine')
                    continue
                real = self.add(library.path)
                if real not in self._linked:
                    self._linked.add(real)
                    queue.append((library, needed))
                    if _TERMINAL_LIBRARY.match(name):
                        self._terminals()

    def _find(self, name: str, by: Loaded, interpreter: str) -> Loaded | None:
        for path, entry in self._candidates(name, by, interpreter):
            found = self._host.find(path)
            elf = self._elf(found.path) if found and stat.S_ISREG(found.mode) else None
            # ld.so passes over a library of another processor or word size, and so does this.
            if elf is not None and elf.abi == by.elf.abi:
                if entry is not None:
                    self.cached.add(entry)
                return Loaded(path, elf, by)
        return None

    def _candidates(self, name: str, by: Loaded, interpreter: str) -> Iterator[tuple[str, _ldcache.CacheEntry | None]]:
        musl = _ldso.is_musl(interpreter)
        if musl and _ldso.is_musl_builtin(name):
            yield interpreter, None
            return
        yield from ((path, None) for path in _ldso.own_paths(name, by))
        if "/" in name:
            return
        if musl:
            configured = self._host.read(f"/etc/{PurePosixPath(interpreter).name.removesuffix('.so.1')}.path")
            directories = _ldso.musl_directories(configured)
        else:
            yield from ((entry.path, entry) for entry in self._cache().get(name, ()))
            directories = _ldso.default_directories(by.elf.abi)
        yield from ((f"{directory}/{name}", None) for directory in directories)

    def _cache(self) -> dict[str, list[_ldcache.CacheEntry]]:
        if self._ld_cache is None:
            self._ld_cache = {}
            data = self._host.read("/etc/ld.so.cache")
            for entry in _ldcache.parse(data) if data else ():
                self._ld_cache.setdefault(entry.name, []).append(entry)
        return self._ld_cache

    def _terminals(self) -> None:
        for directory in TERMINFO:
            for terminal in TERMINALS:
                self.add_if_public(f"{directory}/{terminal[0]}/{terminal}")

    def _elf(self, real: str) -> Elf | None:
        key = self._host.key(real)
        if key not in self._elfs:
            with self._host.open(real) as file:
                self._elfs[key] = read_elf(file, real)
        return self._elfs[key]
