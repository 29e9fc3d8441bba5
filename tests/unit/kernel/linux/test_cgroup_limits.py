from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.linux.cgroup import Limits, Setting, settings
from ck.kernel.linux.cgroup.limits import weight_of


def test_nothing_is_written_for_no_limits() -> None:
    assert settings(Limits(), v1=True) == settings(Limits(), v1=False) == []


def test_v1() -> None:
    limits = Limits(memory=1 << 20, memory_swap=2 << 20, pids=-1, cpu_quota=5000, cpu_period=10000)
    assert settings(limits, v1=True) == [
        Setting("memory", "memory.limit_in_bytes", "1048576"),
        Setting("memory", "memory.memsw.limit_in_bytes", "2097152"),
        Setting("cpu", "cpu.cfs_period_us", "10000"),
        Setting("cpu", "cpu.cfs_quota_us", "5000"),
        Setting("pids", "pids.max", "max"),
    ]


def test_v2() -> None:
    limits = Limits(
        memory=1 << 20, memory_swap=3 << 20, memory_reservation=4096, pids=7, cpu_quota=5000, cpu_shares=1024
    )
    assert settings(limits, v1=False) == [
        Setting("memory", "memory.max", "1048576"),
        Setting("memory", "memory.swap.max", "2097152"),
        Setting("memory", "memory.low", "4096"),
        Setting("cpu", "cpu.weight", "39"),
        Setting("cpu", "cpu.max", "5000"),
        Setting("pids", "pids.max", "7"),
    ]


def test_unlimited_swap_on_v2() -> None:
    assert settings(Limits(memory=1, memory_swap=-1), v1=False)[-1] == Setting("memory", "memory.swap.max", "max")


@given(st.integers(), st.integers())
def test_weights_keep_the_order_and_the_range_of_shares(one: int, other: int) -> None:
    assert 1 <= weight_of(one) <= 10_000
    if one <= other:
        assert weight_of(one) <= weight_of(other)
