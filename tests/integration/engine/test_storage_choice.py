"""Which storage driver serves: the first that works, or the one that images are in; and layers that stay mounted while
engines come and go."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab
from tests.support.busybox import static_busybox
from tests.support.daemon import NO_NETWORK, Daemon
from tests.support.layer_mounts import mounts_below
from tests.support.oci_layout import OciLayout, make_layer


@pytest.fixture
def on_tmpfs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Engines have their data on a tmpfs, from which no image can be mounted."""
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    yield
    monkeypatch.undo()


def driver_of(daemon: Daemon) -> str:
    return daemon.ck("info", "-f", "{{.Driver}}").out.strip()


@pytest.mark.usefixtures("on_tmpfs")
def test_the_next_one_serves_where_the_first_cannot(busybox_image: str) -> None:
    with Daemon() as daemon:
        assert driver_of(daemon) == "overlay"
        assert daemon.ck("run", "--rm", busybox_image, "echo", "hello").out == "hello\n"


@pytest.mark.usefixtures("on_tmpfs")
def test_a_driver_that_is_asked_for_by_name_is_not_replaced() -> None:
    with (
        pytest.raises(AssertionError, match=r"erofs: images of layers cannot be mounted from .* \(tmpfs\)"),
        Daemon(config=f'{NO_NETWORK}storage = ["erofs"]\n'),
    ):
        pass


def test_images_stay_with_their_driver(busybox_image: str) -> None:
    with Daemon(config=f'{NO_NETWORK}storage = ["overlay"]\n') as daemon:
        assert driver_of(daemon) == "overlay"
        daemon.ck("pull", "-q", busybox_image)
        daemon.stop()
        daemon.config.write_text(NO_NETWORK)
        daemon.start()
        assert driver_of(daemon) == "overlay"
        assert daemon.ck("run", "--rm", busybox_image, "echo", "hello").out == "hello\n"
        daemon.ck("rmi", "-f", busybox_image)
        daemon.stop()
        daemon.start()
        assert driver_of(daemon) == "erofs"


@pytest.mark.parametrize("name", ["erofs", "overlay", "vfs"])
def test_upper_layers_arrive_before_the_lowest(name: str, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    program = {"bin/": b"", "bin/busybox": static_busybox().read_bytes(), "large": os.urandom(30 << 20), "gone": b""}
    uppers = [{"bin/": b"", f"bin/{each}": b"upper"} for each in "abc"]
    layout.add_image("it", [make_layer(each) for each in (program, *uppers, {".wh.gone": b""})])
    with Daemon(config=f'{NO_NETWORK}storage = ["{name}"]\n') as daemon:
        listed = daemon.ck("run", "--rm", f"oci:{layout.directory}:it", "/bin/busybox", "ls", "/bin", "/").out.split()
        assert listed[listed.index("/bin:") + 1 :] == ["a", "b", "busybox", "c"] and "gone" not in listed


@pytest.mark.parametrize("users", ["host", "auto"])
def test_containers_outlive_the_engine_and_its_mounts(own_lab: Lab, users: str) -> None:
    lab, data = own_lab, own_lab.daemon.data_root
    name = lab.up(f"--userns {users}", "sh", "-c", "sleep 1000")
    place = str(lab.daemon.storage / "mounts")
    mounted = mounts_below(data)
    assert [path for path in mounted if path != place] == [mounted[-1]], "one layer, one mount"

    lab.daemon.kill9()
    lab.daemon.start()
    assert lab.ck("exec", name, "sh", "-c", "md5sum /bin/busybox | wc -l") == "1\n"
    assert lab.run(f"--userns {users}", "true").code == 0
    assert mounts_below(data) == mounted, "found again"

    lab.daemon.stop()
    assert mounts_below(data) == []
    lab.daemon.start()
    assert lab.ck("exec", name, "sh", "-c", "touch /new && ls /new") == "/new\n"
    lab.ck("restart", "-t", "0", name)
    assert lab.ck("exec", name, "ls", "/new") == "/new\n"
    lab.ck("rm", "-f", name)
    lab.ck("rmi", "-f", lab.image)
    assert mounts_below(data) == [place], "a removed layer is mounted nowhere"


def test_what_lies_beneath_a_root_is_seen_by_nobody(own_lab: Lab) -> None:
    lab, data = own_lab, own_lab.daemon.data_root
    name = lab.up("--userns auto")
    before = mounts_below(data)
    pid = lab.inspect(name, "{{.State.Pid}}")
    assert "erofs" not in Path(f"/proc/{pid}/mountinfo").read_text(), "the root is an overlay, and hides its layers"
    lab.ck("rm", "-f", name)
    assert mounts_below(data) == before
