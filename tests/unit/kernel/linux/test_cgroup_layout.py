from ck.kernel.linux.cgroup import Layout, Mode, detect

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
)
UNIFIED = "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"


def test_v2() -> None:
    layout = detect(V2)
    assert (layout, layout.mode) == (Layout("/sys/fs/cgroup", {}), Mode.V2)


def test_v1_with_joint_controllers() -> None:
    layout = detect(V1)
    assert layout.mode is Mode.V1
    assert layout.v1 == {
        "cpu": "/sys/fs/cgroup/cpu,cpuacct",
        "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "memory": "/sys/fs/cgroup/memory",
        "pids": "/sys/fs/cgroup/pids",
    }


def test_hybrid() -> None:
    layout = detect(V1 + UNIFIED)
    assert (layout.mode, layout.unified) == (Mode.HYBRID, "/sys/fs/cgroup/unified")


def test_a_part_of_a_hierarchy_is_not_the_hierarchy() -> None:
    assert detect("30 23 0:26 /ck/x /mnt rw - cgroup2 cgroup2 rw\n" + V2).unified == "/sys/fs/cgroup"
