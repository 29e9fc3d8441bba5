from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.linux.cgroup import Layout, Limits, Rate, Setting, settings, v1, v2
from ck.kernel.linux.cgroup.v2 import weight_of

V2 = Layout("/cg", {})
V1 = Layout("/cg/unified", {name: f"/cg/{name}" for name in ("memory", "cpu", "pids", "blkio", "cpuset")})
EVERYTHING = Limits(
    memory=1 << 20,
    memory_swap=3 << 20,
    memory_reservation=4096,
    memory_swappiness=10,
    oom_kill_disable=True,
    oom_group=True,
    pids=7,
    cpu_shares=1024,
    cpu_quota=5000,
    cpu_period=10000,
    cpuset_cpus="0-1",
    cpuset_mems="0",
    io_weight=500,
    io_rates=(Rate("read-bps", 8, 0, 1000), Rate("write-iops", 8, 0, 0)),
)
V1_FILES = frozenset(
    "memory.limit_in_bytes memory.memsw.limit_in_bytes memory.soft_limit_in_bytes memory.swappiness memory.oom_control "
    "pids.max cpu.shares cpu.cfs_quota_us cpu.cfs_period_us cpuset.cpus cpuset.mems blkio.bfq.weight "
    "blkio.throttle.read_bps_device blkio.throttle.write_iops_device".split()
)
V2_FILES = frozenset(
    "memory.max memory.swap.max memory.low memory.oom.group pids.max cpu.weight cpu.max cpuset.cpus cpuset.mems "
    "io.weight io.max".split()
)


def written(limits: Limits, layout: Layout, files: frozenset[str]) -> list[tuple[str, str]]:
    return [(setting.file, setting.value) for setting in settings(limits, layout, files).settings]


def test_nothing_is_written_for_no_limits() -> None:
    assert settings(Limits(), V1, V1_FILES) == settings(Limits(), V2, V2_FILES) == ([], [])


def test_v1() -> None:
    assert written(EVERYTHING, V1, V1_FILES) == [
        ("memory.limit_in_bytes", "1048576"),
        ("memory.memsw.limit_in_bytes", "3145728"),
        ("memory.soft_limit_in_bytes", "4096"),
        ("memory.swappiness", "10"),
        ("memory.oom_control", "1"),
        ("cpu.shares", "1024"),
        ("cpu.cfs_period_us", "10000"),
        ("cpu.cfs_quota_us", "5000"),
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("pids.max", "7"),
        ("blkio.bfq.weight", "500"),
        ("blkio.throttle.read_bps_device", "8:0 1000"),
        ("blkio.throttle.write_iops_device", "8:0 0"),
    ]
    assert settings(EVERYTHING, V1, V1_FILES).missing == [("--oom-kill-group", "memory.oom.group")]


def test_v2() -> None:
    assert written(EVERYTHING, V2, V2_FILES) == [
        ("memory.max", "1048576"),
        ("memory.swap.max", "2097152"),
        ("memory.low", "4096"),
        ("memory.oom.group", "1"),
        ("cpu.weight", "100"),
        ("cpu.max", "5000 10000"),
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("pids.max", "7"),
        ("io.weight", "4950"),
        ("io.max", "8:0 rbps=1000"),
        ("io.max", "8:0 wiops=max"),
    ]
    missing = [option for option, _ in settings(EVERYTHING, V2, V2_FILES).missing]
    assert missing == ["--memory-swappiness", "--oom-kill-disable"]


def test_unlimited() -> None:
    unlimited = Limits(memory=1, memory_swap=-1, pids=-1)
    assert written(unlimited, V2, V2_FILES)[1:] == [("memory.swap.max", "max"), ("pids.max", "max")]
    assert written(unlimited, V1, V1_FILES)[1:] == [("memory.memsw.limit_in_bytes", "-1"), ("pids.max", "max")]


def test_each_controller_is_spelled_as_where_it_is() -> None:
    hybrid = Layout("/cg/unified", {"memory": "/cg/memory"})
    assert written(Limits(memory=5, pids=6), hybrid, V1_FILES | V2_FILES) == [
        ("memory.limit_in_bytes", "5"),
        ("pids.max", "6"),
    ]
    assert settings(Limits(cpu_quota=1000), hybrid, V1_FILES | V2_FILES).settings == [
        Setting("cpu", "cpu.max", "1000", "--cpu-quota")
    ]


@given(st.sets(st.sampled_from(sorted(V1_FILES | V2_FILES))), st.sampled_from([V1, V2]))
def test_every_limit_is_written_or_named(files: set[str], layout: Layout) -> None:
    enforceable = settings(EVERYTHING, layout, files)
    assert all(setting.file in files for setting in enforceable.settings)
    module = v1 if layout is V1 else v2
    wanted = {
        setting.option
        for write in (module.memory_settings, module.cpu_settings, module.io_settings)
        for setting in write(EVERYTHING, files)
    } | {"--cpuset-cpus", "--cpuset-mems", "--pids-limit"}
    assert {setting.option for setting in enforceable.settings} | {name for name, _ in enforceable.missing} == wanted


@given(st.integers(), st.integers())
def test_weights_keep_the_order_and_the_range_of_shares(one: int, other: int) -> None:
    assert 1 <= weight_of(one) <= 10_000
    if one <= other:
        assert weight_of(one) <= weight_of(other)


def test_weights_of_equal_meaning() -> None:
    assert [weight_of(shares) for shares in (2, 1024, 262144)] == [1, 100, 10000]
    assert all(small < large for small, large in pairwise(weight_of(1 << power) for power in range(5, 18)))
