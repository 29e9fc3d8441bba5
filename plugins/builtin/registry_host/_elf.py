"""What the dynamic linker reads of an ELF file (elf(5), System V gABI chapter 5)."""

from typing import BinaryIO, Final

import attrs
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from ck.kernel.errors import CorruptData

MAGIC: Final = b"\x7fELF"


@attrs.frozen(kw_only=True)
class Elf:
    """One ELF file. Two files fit together when their `abi` is equal; paths are as written in it, `$ORIGIN` and all."""

    abi: tuple[str, int]  # machine ("EM_X86_64") and word size in bits
    interpreter: str | None = None  # PT_INTERP
    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()


def read_elf(file: BinaryIO, path: str) -> Elf | None:
    """Read *file*, found at *path*; None if it is no ELF file. Raises: CorruptData for a broken one."""
    if file.read(len(MAGIC)) != MAGIC:
        return None
    try:
        return _parse(ELFFile(file))
    except Exception as error:  # pyelftools lets through whatever its parser meets: the file decides what that is
        raise CorruptData(f'"{path}" is a broken ELF file: {error or type(error).__name__}') from error


def _parse(elf: ELFFile) -> Elf:
    interpreter = None
    texts: dict[str, list[str]] = {"DT_NEEDED": [], "DT_SONAME": [], "DT_RPATH": [], "DT_RUNPATH": []}
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                if tag.entry.d_tag in texts:
                    texts[tag.entry.d_tag].append(getattr(tag, tag.entry.d_tag.removeprefix("DT_").lower()))
    return Elf(
        abi=(elf["e_machine"], elf.elfclass),
        interpreter=interpreter,
        soname=next(iter(texts["DT_SONAME"]), None),
        needed=tuple(texts["DT_NEEDED"]),
        rpath=_directories(texts["DT_RPATH"]),
        runpath=_directories(texts["DT_RUNPATH"]),
    )


def _directories(values: list[str]) -> tuple[str, ...]:
    # An empty element is the current directory (ld.so(8)), which an image does not have.
    return tuple(part for value in values for part in value.split(":") if part)
