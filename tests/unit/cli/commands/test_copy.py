"""Docker's rules for cp, and archives in both directions."""

import contextlib
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.commands.container._archive import pack, unpack
from ck.cli.commands.container._copy import Destination, Source, plan, renamed, split_argument
from ck.cli.errors import CliError


@pytest.mark.parametrize(
    ("source", "directory", "target", "there", "expected"),
    [
        # target is: None nothing, True a directory, False a file
        ("/a/f", False, "/t", True, ("/t", "")),
        ("/a/f", False, "/t/g", False, ("/t", "g")),
        ("/a/f", False, "/t/g", None, ("/t", "g")),
        ("/a/d", True, "/t", True, ("/t", "")),
        ("/a/d/.", True, "/t", True, ("/t", None)),
        (".", True, "/t", True, ("/t", None)),
        ("/a/d", True, "/t/e", None, ("/t", "e")),
        ("/a/d/", True, "/t/e/", None, ("/t", "e")),
        ("/a/d/.", True, "/t/e", None, ("/t", "e")),
        ("f", False, "g", None, (".", "g")),
    ],
)
def test_plan(source: str, directory: bool, target: str, there: bool | None, expected: tuple[str, str | None]) -> None:
    destination = Destination(target, exists=there is not None, directory=bool(there))
    assert plan(Source(source, directory=directory), destination) == expected


def test_refusals() -> None:
    with pytest.raises(CliError, match="cannot copy directory"):
        plan(Source("/d", directory=True), Destination("/f", exists=True, directory=False))
    with pytest.raises(CliError, match="no such directory"):
        plan(Source("/f", directory=False), Destination("/t/", exists=False, directory=False))
    with pytest.raises(CliError, match="not a directory"):
        Source("/f/", directory=False)


def test_arguments() -> None:
    assert split_argument("c:/a:b") == ("c", "/a:b")
    assert split_argument("./c:/a") == ("", "./c:/a")
    assert split_argument("/c:/a") == ("", "/c:/a")
    assert split_argument("file") == ("", "file")


def test_renaming() -> None:
    assert renamed("d/a/b", "d", "e") == "e/a/b"
    assert renamed("d/", "d", "e") == "e"
    assert renamed("./d/a", "d", "") == "d/a"
    assert renamed("d/a", "d", None) == "a"
    assert renamed("d", "d", None) == "."
    assert renamed("dd", "d", "") == "d/dd"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "sub/file").write_bytes(b"x" * 1000)
    (top / "sub/file").chmod(0o4755)
    (top / "link").symlink_to("sub/file")
    os.link(top / "sub/file", top / "hard")
    (top / "empty").touch()
    (top / ("long" * 40)).write_text("long")
    return top


def test_round_trip(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    size = unpack(pack(str(tree), "tree", owners=True), str(target), "copy", owners=True)
    assert size == 1004
    copy = target / "copy"
    assert (copy / "sub/file").read_bytes() == b"x" * 1000
    assert (copy / "link").readlink() == Path("sub/file")
    assert os.path.samefile(copy / "hard", copy / "sub/file")
    assert (copy / "sub/file").stat().st_mode == (tree / "sub/file").stat().st_mode
    # tarfile keeps times as floats, so that the last digits of the nanoseconds are lost.
    assert round((copy / "sub/file").stat().st_mtime, 5) == round((tree / "sub/file").stat().st_mtime, 5)
    assert {path.name for path in copy.iterdir()} == {path.name for path in tree.iterdir()}


def test_contents_alone(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    unpack(pack(str(tree), ".", owners=False), str(target), None, owners=False)
    assert (target / "sub/file").is_file() and not (target / "tree").exists()


def test_root_owns_what_goes_in(tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(str(tree), "t", owners=False)))) as archive:
        assert {(each.uid, each.gid, each.uname) for each in archive} == {(0, 0, "")}


def hostile(tmp_path: Path, *members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"evil"))
    return out.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        [("d/../../outside", tarfile.REGTYPE, "")],
        [("d/link", tarfile.SYMTYPE, ".."), ("d/link/outside", tarfile.REGTYPE, "")],
        [("d/link", tarfile.SYMTYPE, "/"), ("d/link/outside", tarfile.REGTYPE, "")],
        [("d/hard", tarfile.LNKTYPE, "d/../../secret"), ("d/hard", tarfile.REGTYPE, "")],
        [("d/hard", tarfile.LNKTYPE, "/../secret")],
    ],
)
def test_nothing_is_written_outside(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    target = tmp_path / "a/target"
    target.mkdir(parents=True)
    secret = tmp_path / "a/secret"
    secret.write_text("secret")
    data = hostile(tmp_path, ("d", tarfile.DIRTYPE, ""), *members)
    with contextlib.suppress(CliError, OSError):
        unpack([data], str(target), "", owners=False)
    assert secret.read_text() == "secret" and secret.stat().st_nlink == 1
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["secret", "target"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    assert not Path("/outside").exists()


@given(st.binary(max_size=600))
def test_any_bytes_unpack_or_fail_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    target = tmp_path_factory.mktemp("ck")
    try:
        unpack([data], str(target), "", owners=False)
    except (CliError, OSError):
        return


def test_setuid_stays(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch()
    program.chmod(0o6755)
    target = tmp_path / "t"
    target.mkdir()
    unpack(pack(str(program), "program", owners=True), str(target), "", owners=True)
    assert stat.S_IMODE((target / "program").stat().st_mode) == 0o6755
