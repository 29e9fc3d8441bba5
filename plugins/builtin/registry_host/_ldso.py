"""Where ld.so looks for a library, in order (ld.so(8), and musl's ldso/dynlink.c). Pure."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

import attrs

from ck.plugins.builtin.registry_host._elf import Elf

MULTIARCH: Final = {
    ("EM_X86_64", 64): "x86_64-linux-gnu",
    ("EM_386", 32): "i386-linux-gnu",
    ("EM_AARCH64", 64): "aarch64-linux-gnu",
    ("EM_ARM", 32): "arm-linux-gnueabihf",
    ("EM_RISCV", 64): "riscv64-linux-gnu",
    ("EM_PPC64", 64): "powerpc64le-linux-gnu",
    ("EM_S390", 64): "s390x-linux-gnu",
    ("EM_LOONGARCH", 64): "loongarch64-linux-gnu",
}
MUSL_DEFAULT: Final = ("/lib", "/usr/local/lib", "/usr/lib")
# musl's loader is the C library itself under all these names (load_library in ldso/dynlink.c).
_MUSL_BUILTIN: Final = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\.")
_TOKEN: Final = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))")


@attrs.frozen
class Loaded:
    """An ELF file in its place: where it really is, and which one asked for it (None for the program)."""

    path: str
    elf: Elf
    loader: "Loaded | None" = None


def is_musl(interpreter: str) -> bool:
    return PurePosixPath(interpreter).name.startswith("ld-musl-")


def is_musl_builtin(library: str) -> bool:
    """Whether musl's loader answers for *library* itself."""
    return bool(_MUSL_BUILTIN.match(library))


def own_paths(needed: str, by: Loaded) -> Iterator[str]:
    """Where the files themselves say *needed* is: before the cache and the system's directories."""
    if "/" in needed:
        yield from expand(needed, by)
        return
    # DT_RUNPATH serves its own file only and turns off DT_RPATH, which also serves all that the file loads.
    holder: Loaded | None = by if not by.elf.runpath else None
    while holder is not None:
        if not holder.elf.runpath:
            yield from _in(holder.elf.rpath, needed, holder)
        holder = holder.loader
    yield from _in(by.elf.runpath, needed, by)


def default_directories(abi: tuple[str, int]) -> Sequence[str]:
    """The directories that glibc was built with, of all the large distributions."""
    triplet = MULTIARCH.get(abi)
    word = ("/lib64", "/usr/lib64") if abi[1] == 64 else ()
    multiarch = (f"/lib/{triplet}", f"/usr/lib/{triplet}") if triplet else ()
    return (*multiarch, *word, "/lib", "/usr/lib")


def musl_directories(configured: bytes | None) -> Sequence[str]:
    """As /etc/ld-musl-ARCH.path says: directories separated by newlines or colons."""
    if configured is None:
        return MUSL_DEFAULT
    return tuple(part for part in re.split(r"[\n:]", configured.decode(errors="surrogateescape")) if part)


def expand(path: str, by: Loaded) -> Iterator[str]:
    """Every meaning of *path* with its tokens replaced; `$LIB` and `$PLATFORM` depend on how glibc was built."""
    triplet = MULTIARCH.get(by.elf.abi, "")
    meanings = {
        "ORIGIN": (str(PurePosixPath(by.path).parent),),
        "LIB": (f"lib/{triplet}", "lib64", "lib"),
        "PLATFORM": (triplet.partition("-")[0],),
    }
    match = _TOKEN.search(path)
    if match is None:
        yield path
        return
    for meaning in meanings[match[1] or match[2]]:
        for rest in expand(path[match.end() :], by):
            yield path[: match.start()] + meaning + rest


def _in(directories: Sequence[str], name: str, by: Loaded) -> Iterator[str]:
    for directory in directories:
        for meaning in expand(directory, by):
            yield f"{meaning}/{name}"
