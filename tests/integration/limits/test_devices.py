"""Which devices a container may use: `--device`, `--device-cgroup-rule`, CDI, `--privileged`."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab
from tests.support.daemon import NO_NETWORK, Daemon

READ = "head -c 4 /dev/x | wc -c"


def test_only_what_is_asked_for(lab: Lab) -> None:
    assert lab.out("--device /dev/zero:/dev/x", READ) == "4\n"
    assert (
        lab.out(
            "--userns host", "for d in kmsg mem port cpu_dma_latency fuse; do test -e /dev/$d && echo $d; done; true"
        )
        == ""
    )
    made = "mknod /dev/x c 10 237 && head -c1 /dev/x"  # loop-control
    assert "Operation not permitted" in lab.run("--userns host", "sh", "-c", made).err


@pytest.mark.parametrize(("access", "works"), [("r", "read"), ("w", "write"), ("rw", "read write"), ("m", "")])
def test_what_may_be_done_with_it(lab: Lab, access: str, works: str) -> None:
    script = "(: </dev/x) 2>/dev/null && echo read; (: >/dev/x) 2>/dev/null && echo write; true"
    # One that every machine has and no container.
    assert lab.out(f"--device /dev/cpu_dma_latency:/dev/x:{access}", script).split() == works.split()


def test_rules(lab: Lab) -> None:
    script = "mknod /x c 10 237 && (: </x) && echo opened"
    assert lab.run("--userns host", "sh", "-c", script).code == 1
    assert lab.out("--device-cgroup-rule 'c 10:237 rwm'", script) == "opened\n"
    assert lab.out("--device-cgroup-rule 'c 10:* rwm'", script) == "opened\n"
    assert lab.run("--device-cgroup-rule 'c 10:237 m'", "sh", "-c", script).code == 1


def test_a_directory_of_devices_and_everything(lab: Lab, tmp_path: Path) -> None:
    assert "cpu_dma_latency" in lab.out("--privileged", "ls /dev; (: </dev/cpu_dma_latency)")
    os.mknod(tmp_path / "nothing", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert lab.out(f"--device {tmp_path}:/dev/mine", "ls /dev/mine; head -c 1 /dev/mine/nothing") == "nothing\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--device /dev/no-such", "no such device /dev/no-such"),
        ("--device /etc/passwd", "/etc/passwd is not a device node"),
        ("--device /dev/null:x:y:z", "invalid device specification"),
        ("--device-cgroup-rule 'c 10 r'", "invalid device cgroup rule"),
        ("--device vendor.com/class=none", "unresolvable CDI device vendor.com/class=none"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


@pytest.fixture
def vendor(busybox_image: str, tmp_path: Path) -> Iterator[Lab]:
    """An engine with a vendor's file."""
    (tmp_path / "library").write_text("of the vendor\n")
    edits = {
        "deviceNodes": [{"path": "/dev/vendor0", "hostPath": "/dev/cpu_dma_latency", "permissions": "r"}],
        "mounts": [{"hostPath": str(tmp_path / "library"), "containerPath": "/usr/lib/v", "options": ["ro", "bind"]}],
        "env": ["VENDOR=0"],
        "additionalGids": [4444],
    }
    spec = {"cdiVersion": "0.6.0", "kind": "ck.test/dev", "devices": [{"name": "zero", "containerEdits": edits}]}
    (tmp_path / "vendor.json").write_text(json.dumps(spec))
    with Daemon(config=f'cdi_directories = ["{tmp_path}"]\n{NO_NETWORK}') as daemon:
        daemon.ck("pull", "-q", busybox_image)
        yield Lab(daemon, busybox_image, "ck-vendor")


def test_cdi(vendor: Lab) -> None:
    script = "echo $VENDOR; cat /usr/lib/v; id -G; (: </dev/vendor0) && echo readable; (: >/dev/vendor0) || echo no"
    out = vendor.out("--device ck.test/dev=zero --device /dev/zero:/dev/x", f"{script}; {READ}")
    assert out.split() == ["0", "of", "the", "vendor", "0", "4444", "readable", "no", "4"]
    name = vendor.make("--device ck.test/dev=zero")
    client = docker.APIClient(base_url=f"unix://{vendor.daemon.socket}")
    try:
        (request,) = client.inspect_container(name)["HostConfig"]["DeviceRequests"]
        assert (request["Driver"], request["DeviceIDs"]) == ("cdi", ["ck.test/dev=zero"])
        with pytest.raises(docker.errors.APIError, match="only those of the driver 'cdi'"):
            client.create_container(vendor.image, host_config={"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]})
    finally:
        client.close()
