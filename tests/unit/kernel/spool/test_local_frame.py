import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ck
from ck.kernel.spool import open_writer
from ck.kernel.spool.local_frame import DATA, OVERHEAD, Frame, frames, pack

CONTENTS = st.lists(st.binary(max_size=50), max_size=8)


def test_the_layout_is_the_documented_one() -> None:
    frame = pack(DATA, 2, 1, 3, 4, 5, 6, b"content") + b"content"
    assert frame[:30] == struct.pack("<HBBBBIIqQ", 0x4C43, 0, 2, 1, 3, 7, 4, 5, 6)
    assert frame[30:34] == struct.pack("<I", zlib.crc32(frame[:30] + b"content"))
    assert list(frames(frame)) == [Frame(DATA, 2, 1, 3, 4, 5, 6, OVERHEAD, OVERHEAD + 7)]


@given(CONTENTS, st.binary(max_size=100))
def test_frames_come_back_up_to_garbage(contents: list[bytes], garbage: bytes) -> None:
    block = b"".join(pack(DATA, 1, 0, 0, 0, 0, 0, content) + content for content in contents)
    found = list(frames(block + garbage))
    assert [(block + garbage)[frame.start : frame.end] for frame in found] == contents


@given(CONTENTS.filter(bool), st.data())
def test_a_flipped_bit_ends_the_block_there(contents: list[bytes], data: st.DataObject) -> None:
    block = bytearray(b"".join(pack(DATA, 1, 0, 0, 0, 0, 0, content) + content for content in contents))
    place = data.draw(st.integers(0, len(block) - 1))
    intact = [frame for frame in frames(bytes(block)) if frame.end <= place]
    block[place] ^= 1 << data.draw(st.integers(0, 7))
    assert list(frames(bytes(block))) == intact


def test_an_unknown_format_is_refused(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="ck-odd"):
        open_writer("ck-odd", str(tmp_path), -1, 1)


def test_none_writes_nothing(tmp_path: object) -> None:
    writer = open_writer("none", f"{tmp_path}/log", -1, 1)
    writer.write(1, b"x\n", 0)
    writer.close()
    writer.close()


@pytest.mark.parametrize("format_name", ["local", "json-file"])
def test_a_writer_imports_little(format_name: str, tmp_path: object) -> None:
    """Every container pays for what its shim imports."""
    program = (
        f"import sys; sys.path[:0] = {next(iter(ck.__path__)).removesuffix('/ck')!r},\n"
        "from ck.kernel.spool import open_writer\n"
        f"open_writer({format_name!r}, {str(tmp_path)!r}, -1, 1).close()\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert not modules & {"json", "datetime", "pathlib", "attrs", "trio", "logging", "random", "tempfile", "subprocess"}
