"""`cp` to and from containers that run, and that do not."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab


@pytest.fixture(params=["running", "created", "exited"])
def container(request: pytest.FixtureRequest, lab: Lab) -> str:
    if request.param == "created":
        return lab.make("-v /volume")
    name = lab.up("-v /volume")
    if request.param == "exited":
        lab.ck("kill", name)
        lab.ck("wait", name)
    return name


def test_there_and_back(lab: Lab, container: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/data").write_bytes(os.urandom(300_000))
    (source / "link").symlink_to("sub/data")
    (source / "sub/data").chmod(0o640)
    lab.ck("cp", str(source), f"{container}:/tmp")
    lab.ck("cp", f"{source}/.", f"{container}:/volume")
    for inside in ("/tmp/source", "/volume"):
        back = tmp_path / inside.strip("/").replace("/", "-")
        lab.ck("cp", f"{container}:{inside}", str(back))
        assert (back / "sub/data").read_bytes() == (source / "sub/data").read_bytes()
        assert (back / "link").readlink() == Path("sub/data") and (back / "sub/data").stat().st_mode & 0o777 == 0o640


def test_streams(lab: Lab, container: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("piped")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"bytes"))
    lab.daemon.ck("cp", "-", f"{container}:/tmp", stdin=packed.getvalue())
    out = lab.daemon.ck("cp", f"{container}:/tmp/piped", "-").stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        file = tar.extractfile("piped")
        assert file is not None and file.read() == b"bytes"


def test_refusals(lab: Lab, container: str, tmp_path: Path) -> None:
    assert "/nosuch" in lab.fails("cp", f"{container}:/nosuch", str(tmp_path))
    lab.fails("cp", f"{container}:/etc/passwd/x", str(tmp_path))
    lab.fails("cp", str(tmp_path), f"{container}:/nosuch/deep")
    assert "cannot copy directory" in lab.fails("cp", str(tmp_path), f"{container}:/etc/passwd")
    garbage = lab.daemon.ck("cp", "-", f"{container}:/tmp", stdin=b"no tar" * 1000, check=False)
    assert garbage.code == 1 and "xception" not in garbage.err, garbage
    assert "No such container" in lab.fails("cp", "nosuch:/x", str(tmp_path))


def test_links_do_not_lead_out(lab: Lab, container: str, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("out")
        entry.type, entry.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(entry)
    lab.daemon.ck("cp", "-", f"{container}:/tmp", stdin=packed.getvalue())
    (tmp_path / "mine").write_text("host")
    lab.fails("cp", f"{container}:/tmp/out/mine", "-")
    lab.fails("cp", str(tmp_path / "mine"), f"{container}:/tmp/out/")
    assert (tmp_path / "mine").read_text() == "host" and [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_read_only_root(lab: Lab, tmp_path: Path) -> None:
    container = lab.up("--read-only -v /volume")
    (tmp_path / "file").write_text("x")
    assert "read-only root" in lab.fails("cp", str(tmp_path / "file"), f"{container}:/tmp")
    lab.ck("cp", str(tmp_path / "file"), f"{container}:/volume")
    assert lab.ck("exec", container, "cat", "/volume/file") == "x"
