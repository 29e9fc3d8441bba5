"""Archives made by GNU tar, in its formats and with sparse files, unpack to what was packed."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from ck.kernel.archive.extract import extract
from ck.kernel.archive.pack import pack
from ck.kernel.archive.stage import opened
from ck.kernel.testing.trees import snapshot

pytestmark = pytest.mark.root

FORMATS = {
    "v7": ["--format=v7"],
    "ustar": ["--format=ustar"],
    "gnu": ["--format=gnu", "--sparse"],
    "pax 0.0": ["--format=posix", "--sparse", "--sparse-version=0.0", "--xattrs"],
    "pax 0.1": ["--format=posix", "--sparse", "--sparse-version=0.1", "--xattrs"],
    "pax 1.0": ["--format=posix", "--sparse", "--sparse-version=1.0", "--xattrs"],
}


def make_tree(top: Path, *, long_names: bool, xattrs: bool) -> None:
    top.mkdir()
    (top / "dir").mkdir(mode=0o750)
    (top / "dir" / "file").write_bytes(os.urandom(70_000))
    (top / "link").symlink_to("dir/file")
    os.link(top / "dir" / "file", top / "twin")
    with (top / "holes").open("wb") as file:
        for number in range(30):  # more segments than a GNU header holds
            file.seek(number * 100_000)
            file.write(b"%d" % number * 4096)
        file.truncate(1 << 22)
    if long_names:
        (top / ("n" * 200)).mkdir()
        (top / ("n" * 200) / ("m" * 200)).write_text("long")
        (top / "longlink").symlink_to("t" * 300)
        (top / "sch\u00f6n").write_text("utf-8")
    if xattrs:
        os.setxattr(top / "dir" / "file", "user.a", b"1\n2")
    for directory, directories, files in os.walk(top, topdown=False):
        for name in (*directories, *files, "."):
            os.utime(os.path.join(directory, name), (1_600_000_000, 1_600_000_000), follow_symlinks=False)


@pytest.mark.parametrize("name", FORMATS)
def test_gnu_tar_formats(name: str, tmp_path: Path) -> None:
    is_old = name in ("v7", "ustar")
    make_tree(tmp_path / "tree", long_names=not is_old, xattrs=name.startswith("pax"))
    packed = subprocess.run(
        ["tar", "-C", tmp_path / "tree", *FORMATS[name], "-cf", "-", "."], check=True, capture_output=True
    )
    (tmp_path / "copy").mkdir()
    with opened(tmp_path / "tree") as tree, opened(tmp_path / "copy") as copy:
        extract(io.BytesIO(packed.stdout), copy)
        assert snapshot(copy) == snapshot(tree)
        assert os.stat("dir", dir_fd=copy).st_mtime == 1_600_000_000
        if not is_old:
            assert os.stat("holes", dir_fd=copy).st_blocks * 512 < 1 << 19


def test_gnu_tar_reads_what_pack_writes(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", long_names=True, xattrs=True)
    (tmp_path / "copy").mkdir()
    with opened(tmp_path / "tree") as tree, opened(tmp_path / "copy") as copy:
        packed = b"".join(pack(tree))
        subprocess.run(
            ["tar", "-C", tmp_path / "copy", "--xattrs", "--xattrs-include=*", "-xpf", "-"], input=packed, check=True
        )
        assert snapshot(copy) == snapshot(tree)
        assert b"".join(pack(copy)) == packed, "the same tree gives the same bytes"
