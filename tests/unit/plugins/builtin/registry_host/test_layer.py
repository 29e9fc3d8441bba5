"""The tar of a layer."""

import io
import tarfile
from pathlib import Path

import pytest

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_host._host import Host
from ck.plugins.builtin.registry_host._layer import Entry, digest, entries, stream


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "usr/bin").mkdir(parents=True)
    program = tmp_path / "usr/bin/run"
    program.write_bytes(b"x" * 1000)
    program.chmod(0o4711)
    (tmp_path / "bin").symlink_to("usr/bin")
    return Host(str(tmp_path))


PATHS = ["/usr/bin/run", "/bin"]


def members(host: Host, layer: list[Entry]) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream(host, layer)))) as tar:
        return {member.name: member for member in tar}


def test_modes_and_owners_are_the_same_everywhere(host: Host) -> None:
    found = members(host, entries(host, PATHS, {}))
    assert found["usr/bin/run"].mode == 0o755
    assert found["tmp"].mode == 0o1777
    assert found["bin"].linkname == "usr/bin"
    assert {(member.uid, member.gid) for member in found.values()} == {(0, 0)}


def test_a_directory_comes_before_what_is_in_it(host: Host) -> None:
    seen = {""}
    for name in members(host, entries(host, PATHS, {})):
        assert name.rpartition("/")[0] in seen
        seen.add(name)


def test_made_up_files_win(host: Host) -> None:
    layer = entries(host, PATHS, {"/usr/bin/run": b"made up"})
    assert members(host, layer)["usr/bin/run"].size == len(b"made up")


def test_the_same_files_make_the_same_bytes(host: Host) -> None:
    one = digest(stream(host, entries(host, PATHS, {})))
    two = digest(stream(host, entries(host, reversed(PATHS), {})))
    assert one == two and one[1] % tarfile.BLOCKSIZE == 0


@pytest.mark.parametrize("content", [b"", b"x" * 999, b"y" * 1001])
def test_a_file_that_changes_meanwhile_spoils_the_pull(host: Host, tmp_path: Path, content: bytes) -> None:
    layer = entries(host, PATHS, {})
    (tmp_path / "usr/bin/run").write_bytes(content)
    with pytest.raises(CorruptData, match='"/usr/bin/run" changed'):
        digest(stream(host, layer))


def test_long_names_and_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = "é" * 100 + "\udcff"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(b"1")
    host = Host(str(tmp_path))
    assert f"d/{name}" in members(host, entries(host, [f"/d/{name}"], {}))
