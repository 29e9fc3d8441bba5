"""Files of the kernel by which root owns the machine."""

import pytest

from tests.integration.engine.lab import Lab

WRITES = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hotplug",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sysrq-trigger",
    "/proc/irq/0/smp_affinity",
    "/proc/bus/pci/00/00.0",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory.max",
)


def test_none_of_them_can_be_written(lab: Lab, users: str) -> None:
    script = "; ".join(f"(echo 1 >{path}) 2>/dev/null && echo {path}" for path in WRITES)
    assert lab.out(users, f"{script}; true") == ""


def test_a_control_group_file_system_cannot_be_mounted(lab: Lab, users: str) -> None:
    """CVE-2022-0492: a release_agent of one's own mount."""
    script = "mkdir /m; for k in cgroup cgroup2; do mount -t $k none /m && echo mounted; done; true"
    assert lab.out(users, script) == ""
    inside = "unshare -UrmC sh -c 'mkdir /m; mount -t cgroup -o memory none /m && echo mounted'; true"
    assert lab.out(users, inside) == ""


@pytest.mark.parametrize(
    "path",
    [
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/latency_stats",
        "/proc/interrupts",
    ],
)
def test_what_tells_of_the_host_is_empty(lab: Lab, users: str, path: str) -> None:
    assert lab.out(users, f"[ ! -e {path} ] || head -c 100 {path} | wc -c").strip() in ("", "0")


def test_directories_that_tell_of_the_host_are_empty(lab: Lab, users: str) -> None:
    for path in ("/sys/firmware", "/proc/acpi", "/proc/scsi", "/sys/devices/virtual/powercap"):
        assert lab.out(users, f"[ ! -d {path} ] || ls -A {path}") == ""


def test_a_mask_cannot_be_taken_away(lab: Lab, users: str) -> None:
    script = (
        "umount /proc/kcore; umount -l /proc/kcore; umount /sys/firmware; mount -o remount,rw /proc/sys; "
        "mount -t proc proc /mnt; mount -t sysfs sysfs /mnt; head -c 1 /proc/kcore | wc -c; "
        "(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && echo wrote; true"
    )
    assert lab.run(users, "sh", "-c", script).out.split() == ["0"]


def test_a_mask_is_not_led_astray_by_the_image(lab: Lab, users: str) -> None:
    """CVE-2025-31133, CVE-2025-52565: what covers a path is the host's own /dev/null, wherever the image's leads."""
    name = lab.make(users, "sh", "-c", "head -c 1 /proc/kcore | wc -c; ls -lA /proc/timer_list | cut -c1")
    # What an image could have: a null device that is a link to what is to be bound over the mask.
    lab.ck("cp", "-", f"{name}:/", stdin=_link("dev/null", "/proc/sys/kernel/core_pattern"))
    assert lab.ck("start", "-a", name).split()[0] == "0"


def _link(name: str, target: str) -> bytes:
    import io
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        tar.addfile(member)
    return stream.getvalue()


def test_devices_that_are_memory_or_disks(lab: Lab, users: str) -> None:
    nodes = {"mem": "c 1 1", "kmem": "c 1 2", "port": "c 1 4", "kmsg": "c 1 11", "vda": "b 254 0", "sda": "b 8 0"}
    script = "; ".join(
        f"(mknod /{name} {numbers} && head -c 1 /{name}) >/dev/null 2>&1 && echo {name}"
        for name, numbers in nodes.items()
    )
    assert lab.out(users, f"{script}; true") == ""


def test_the_group_of_devices_cannot_be_widened(lab: Lab, users: str) -> None:
    script = "for f in $(find /sys/fs/cgroup -name 'devices.allow'); do (echo a >$f) 2>/dev/null && echo $f; done; true"
    assert lab.out(users, script) == ""
