"""The parts of the format: a checksum with a known value, numbers of devices, and the rules for directories' blocks."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.storage_erofs._format import (
    BLOCK,
    MAX_BLOCKS,
    crc32c,
    device_number,
    directory_blocks,
    superblock,
)

names = st.binary(min_size=1, max_size=255).map(lambda name: name.replace(b"\0", b"0").replace(b"/", b"_"))


def test_the_checksum_is_castagnoli_s_without_the_last_inversion() -> None:
    assert crc32c(b"123456789") ^ 0xFFFF_FFFF == 0xE306_9283  # RFC 3720 has the catalogue's value


def test_a_superblock_checks_out_as_the_kernel_checks_it() -> None:
    made = superblock(uuid=b"u" * 16, inodes=7, blocks=MAX_BLOCKS, metadata=99, chunked=True)
    block = bytearray(made.ljust(BLOCK, b"\0"))
    [stored] = struct.unpack_from("<I", block, 4)
    block[4:8] = bytes(4)
    assert len(made) == 128 and crc32c(bytes(block)) == stored


def test_devices_are_written_as_the_kernel_writes_them() -> None:
    # The examples of new_encode_dev: eight bits of the minor number, the major, the rest of the minor.
    assert device_number(1, 3) == 0x103
    assert device_number(0xFFF, 0xFFFFF) == 0xFFFF_FFFF
    assert device_number(8, 0x123) == 0x0010_0823


@given(st.sets(names, max_size=120), st.integers(1, 2**40))
def test_directories_are_sorted_blocks_of_entries_and_names(found: set[bytes], first: int) -> None:
    entries = sorted((name, first + number, 1) for number, name in enumerate({*found, b".", b".."}))
    content, size = directory_blocks(entries)
    assert len(content) % BLOCK == 0 and len(content) - BLOCK < size <= len(content)
    assert not any(content[size:])
    read: list[tuple[bytes, int, int]] = []
    for start in range(0, len(content), BLOCK):
        block = content[start : min(start + BLOCK, size)]
        [names_at] = struct.unpack_from("<H", block, 8)
        heads = [struct.unpack_from("<QHB", block, at) for at in range(0, names_at, 12)]
        ends = [head[1] for head in heads[1:]] + [len(block)]
        read += [
            (block[at:end].rstrip(b"\0"), number, kind) for (number, at, kind), end in zip(heads, ends, strict=True)
        ]
    assert read == entries
