"""Following links below a root of one's own."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import CorruptData, NotFound
from ck.plugins.builtin.registry_host._host import Host


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/dash").write_text("")
    (tmp_path / "usr/bin/sh").symlink_to("dash")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "etc").symlink_to("/usr/../usr")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out").symlink_to("../../../../usr/bin/dash")
    return tmp_path


def test_every_link_on_the_way_is_told(root: Path) -> None:
    resolved = Host(str(root)).resolve("/bin/sh")
    assert resolved.links == ("/bin", "/usr/bin/sh")
    assert resolved.path == "/usr/bin/dash"


def test_absolute_links_stay_below_the_root(root: Path) -> None:
    assert Host(str(root)).resolve("/etc/bin/dash").path == "/usr/bin/dash"


def test_dots_stop_at_the_root(root: Path) -> None:
    assert Host(str(root)).resolve("/out").path == "/usr/bin/dash"
    assert Host(str(root)).resolve("/../..").path == "/"


def test_a_link_to_itself_is_told_as_such(root: Path) -> None:
    with pytest.raises(CorruptData, match="too many levels of symbolic links"):
        Host(str(root)).resolve("/loop")


@pytest.mark.parametrize("path", ["/none", "/usr/bin/dash/x", "/none/.."])
def test_what_leads_nowhere(root: Path, path: str) -> None:
    assert Host(str(root)).find(path) is None
    with pytest.raises(NotFound, match=path):
        Host(str(root)).resolve(path)


def test_a_tree_without_the_parts_left_out(root: Path) -> None:
    (root / "usr/lib/test").mkdir(parents=True)
    (root / "usr/lib/test/x").write_text("")
    (root / "usr/lib/y").write_text("")
    found = Host(str(root)).tree("/usr", enter=lambda path: not path.endswith("/test/"))
    assert list(found) == ["/usr/bin/dash", "/usr/bin/sh", "/usr/lib/y"]


@given(st.lists(st.sampled_from(["usr", "bin", "..", ".", "lib", "share"]), max_size=8))
def test_the_kernel_agrees(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    found = Host().find(path)
    assert (found.path if found else None) == (os.path.realpath(path) if os.path.exists(path) else None)
