"""Reading ELF files, also broken ones."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_host._elf import MAGIC, read_elf

PROGRAM = Path("/bin/true").read_bytes()


def test_a_program_of_this_machine() -> None:
    elf = read_elf(io.BytesIO(PROGRAM), "true")
    assert elf is not None
    assert elf.interpreter and elf.interpreter.startswith("/lib")
    assert any(name.startswith("libc.") for name in elf.needed)


def test_what_is_no_elf() -> None:
    assert read_elf(io.BytesIO(b"#!/bin/sh\n"), "script") is None
    assert read_elf(io.BytesIO(b""), "empty") is None


def test_a_broken_file_is_named() -> None:
    with pytest.raises(CorruptData, match='"/bin/broken" is a broken ELF file'):
        read_elf(io.BytesIO(MAGIC), "/bin/broken")


@given(st.lists(st.tuples(st.integers(0, 4096), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
def test_no_bytes_do_worse_than_being_called_broken(patches: list[tuple[int, bytes]]) -> None:
    broken = bytearray(PROGRAM)
    for offset, patch in patches:
        broken[offset : offset + len(patch)] = patch
    try:
        read_elf(io.BytesIO(bytes(broken)), "broken")
    except CorruptData:
        return


@given(st.integers(0, len(PROGRAM)))
def test_nor_does_a_file_cut_short(size: int) -> None:
    try:
        read_elf(io.BytesIO(PROGRAM[:size]), "short")
    except CorruptData:
        return
