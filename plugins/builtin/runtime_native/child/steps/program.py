"""Find and execute the program; when that fails, say why in the words of the user's own files."""

import enum
import errno
import os
import stat
import struct
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from ck.kernel.linux.mount import AT_FDCWD
from ck.kernel.linux.path import RESOLVE_NO_MAGICLINKS, openat2
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, quote, reason

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126

_HEAD: Final = 4096
_INTERPRETERS_MAX: Final = 5  # as deep as the kernel goes
_PT_INTERP: Final = 3


class Kind(enum.Enum):
    """What stands at a path."""

    MISSING = "missing"
    DIRECTORY = "directory"
    PLAIN = "plain"
    EXECUTABLE = "executable"


def probe(path: str) -> Kind:
    """Look at *path*."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return Kind.MISSING
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.EXECUTABLE if stat.S_ISREG(mode) and mode & 0o111 else Kind.PLAIN


def find(name: str, search: str, look: Callable[[str], Kind]) -> str:
    """The path of the program *name*: itself where it has a slash, else the first fit in *search*, a $PATH. Pure, but
    for *look*.

    Raises: StepFailed with exit code 127 or 126.
    """
    if "/" in name:
        match look(name):
            case Kind.MISSING:
                raise _failed(name, os.strerror(errno.ENOENT), NOT_FOUND, errno.ENOENT)
            case Kind.DIRECTORY:
                raise _failed(name, os.strerror(errno.EISDIR), NOT_EXECUTABLE, errno.EISDIR)
            case Kind.PLAIN:
                raise _failed(name, os.strerror(errno.EACCES), NOT_EXECUTABLE, errno.EACCES)
            case Kind.EXECUTABLE:
                return name
    unfit = ""
    for directory in search.split(":") if name and search else ():
        # An empty entry is the working directory (environ(7)); "./" keeps the name from being searched again.
        path = os.path.join(directory or ".", name)
        kind = look(path)
        if kind is Kind.EXECUTABLE:
            return path
        if kind is Kind.PLAIN:
            unfit = unfit or path
    if unfit:
        raise _failed(unfit, os.strerror(errno.EACCES), NOT_EXECUTABLE, errno.EACCES)
    raise _failed(name, "not found in $PATH of the image", NOT_FOUND, errno.ENOENT)


def check_inside(path: str) -> None:
    """Refuse a program that is reached by one of procfs's links, which lead wherever an open file is: /proc/self/exe is
    the host's interpreter as long as this process is (CVE-2019-5736). Raises: StepFailed with exit code 126."""
    try:
        os.close(openat2(AT_FDCWD, path, os.O_PATH, resolve=RESOLVE_NO_MAGICLINKS))
    except OSError as exc:
        raise _failed(
            path, f"it is reached by a link of the kernel's: {reason(exc)}", NOT_EXECUTABLE, exc.errno or 0
        ) from exc


def execute(path: str, argv: list[str], env: Mapping[str, str]) -> NoReturn:
    """execve(2). Raises: StepFailed with exit code 126 or 127."""
    try:
        os.execve(path, argv, env)
    except OSError as exc:
        if exc.errno == errno.ENOENT and (interpreter := _missing_interpreter(path)):
            what = f"its interpreter {quote(interpreter)} does not exist: no such file or directory"
            raise _failed(path, what, NOT_FOUND, errno.ENOENT) from exc
        if exc.errno in (errno.ENOENT, errno.ENOTDIR):
            raise _failed(path, reason(exc), NOT_FOUND, exc.errno) from exc
        raise _failed(path, reason(exc), NOT_EXECUTABLE, exc.errno or 0) from exc


def _missing_interpreter(path: str) -> str:
    """The first interpreter in the chain from *path* on that does not exist; "" where all do."""
    for _ in range(_INTERPRETERS_MAX):
        path = interpreter_of(_head(path))
        if not path or probe(path) is Kind.MISSING:
            return path
    return ""


def interpreter_of(head: bytes) -> str:
    """The interpreter that a program beginning with *head* names, a script by "#!" or an ELF file by PT_INTERP; "" for
    none. Pure."""
    if head.startswith(b"#!"):
        words = head[2:].split(b"\n", 1)[0].split()
        return os.fsdecode(words[0]) if words else ""
    if head.startswith(b"\x7fELF\x02\x01"):
        return _elf_interpreter(head)
    return ""


def _elf_interpreter(head: bytes) -> str:
    """Of a 64-bit little-endian file (elf(5))."""
    try:
        (table,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        for place in range(count):
            kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", head, table + place * size)
            if kind == _PT_INTERP:
                return os.fsdecode(head[offset : offset + length].rstrip(b"\0"))
    except struct.error:
        return ""  # cut short; the kernel has said already that it will not run
    return ""


def _head(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _HEAD)
    finally:
        os.close(fd)


def _failed(name: str, what: str, exit_code: int, number: int) -> StepFailed:
    return StepFailed(f"exec: {quote(name)}: {what[:1].lower()}{what[1:]}", errno=number, exit_code=exit_code)
