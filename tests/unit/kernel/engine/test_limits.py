import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import DeviceRate, HostConfig, Resources
from ck.kernel.engine.limits import (
    BlockRate,
    Machine,
    check_limits,
    difference,
    parse_list,
    rates_of,
    resources_object,
    updated,
    with_swap,
)
from ck.kernel.errors import InvalidArgument

MACHINE = Machine(cpus=frozenset({0, 1}))
MIB = 1 << 20


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        (Resources(memory=5 * MIB), "6MB, not 5242880"),
        (Resources(memory_swap=64 * MIB), "set the memory limit"),
        (Resources(memory=64 * MIB, memory_swap=32 * MIB), "33554432 is below 67108864"),
        (Resources(memory_swappiness=101), "0-100, not 101"),
        (Resources(memory_reservation=1), "6MB, not 1 bytes"),
        (Resources(memory=64 * MIB, memory_reservation=65 * MIB), "67108864 is below 68157440"),
        (Resources(nano_cpus=1), "0.01 to 2.00, as there are only 2 CPUs available, not 1e-09"),
        (Resources(nano_cpus=3_000_000_000), "not 3"),
        (Resources(nano_cpus=1_000_000_000, cpu_quota=5000), "NanoCPUs and CPU quota"),
        (Resources(nano_cpus=1_000_000_000, cpu_period=5000), "NanoCPUs and CPU period"),
        (Resources(cpu_shares=-1), "minimum allowed cpu-shares is 2, not -1"),
        (Resources(cpu_shares=1), "minimum allowed cpu-shares is 2, not 1"),
        (Resources(cpu_shares=262_145), "maximum allowed cpu-shares is 262144, not 262145"),
        (
            Resources(device_read_iops=(DeviceRate(path="/dev/a", rate=2**32 + 5),)),
            "device-read-iops is 4294967295, not 4294967301 of /dev/a",
        ),
        (Resources(device_write_iops=(DeviceRate(path="/dev/a", rate=2**32),)), "device-write-iops is 4294967295"),
        (Resources(cpu_period=999), "999"),
        (Resources(cpu_period=1_000_001), "1000001"),
        (Resources(cpu_quota=999), "999"),
        (Resources(cpuset_cpus="0-2"), "requested 0-2, available: 0,1"),
        (Resources(cpuset_cpus="1-0"), "invalid list of CPUs '1-0'"),
        (Resources(cpuset_cpus="one"), "'one'"),
        (Resources(cpuset_mems="1"), "requested 1, available: 0"),
        (Resources(blkio_weight=9), "10 to 1000, not 9"),
        (Resources(blkio_weight=1001), "not 1001"),
    ],
)
def test_what_cannot_be_is_refused(resources: Resources, named: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_limits(resources, MACHINE)
    assert named in str(caught.value)


def test_what_can_be_is_not() -> None:
    most = Resources(
        memory=6 * MIB,
        memory_swap=-1,
        memory_reservation=6 * MIB,
        memory_swappiness=0,
        nano_cpus=2_000_000_000,
        cpuset_cpus="0,1",
        cpuset_mems="0",
        blkio_weight=10,
        pids_limit=1,
    )
    assert check_limits(most, MACHINE) == []
    assert check_limits(Resources(cpu_quota=-1), MACHINE) == []
    assert check_limits(Resources(cpu_shares=2), MACHINE) == check_limits(Resources(cpu_shares=262_144), MACHINE) == []
    many = (DeviceRate(path="/dev/a", rate=2**32),)
    assert check_limits(Resources(device_read_bps=many, device_write_bps=many), MACHINE) == []


def test_no_oom_killer_without_a_limit_is_warned_of() -> None:
    assert "system running out of resources" in check_limits(Resources(oom_kill_disable=True), MACHINE)[0]
    assert not check_limits(Resources(oom_kill_disable=True, memory=64 * MIB), MACHINE)


def test_memory_alone_allows_as_much_swap() -> None:
    assert with_swap(Resources(memory=64 * MIB)).memory_swap == 128 * MIB
    for given_swap in (-1, 64 * MIB):
        assert with_swap(Resources(memory=64 * MIB, memory_swap=given_swap)).memory_swap == given_swap
    assert with_swap(Resources()) == Resources()


def test_the_specs_object() -> None:
    host = HostConfig(
        resources=Resources(
            memory=64 * MIB,
            memory_swappiness=0,
            nano_cpus=1_500_000_000,
            cpuset_cpus="0",
            pids_limit=-1,
            blkio_weight=20,
            oom_kill_disable=True,
            oom_kill_group=True,
        )
    )
    rates = [BlockRate(kind="read-bps", major=8, minor=0, rate=5), BlockRate(kind="read-bps", major=8, minor=1, rate=6)]
    assert resources_object(host, [{"allow": False}], rates) == {
        "devices": [{"allow": False}],
        "memory": {"limit": 64 * MIB, "swappiness": 0, "disableOOMKiller": True},
        "cpu": {"quota": 150_000, "period": 100_000, "cpus": "0"},
        "pids": {"limit": -1},
        "blockIO": {
            "weight": 20,
            "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}, {"major": 8, "minor": 1, "rate": 6}],
        },
        "unified": {"memory.oom.group": "1"},
    }
    assert resources_object(HostConfig(), (), ()) == {}


def test_rates_by_kind() -> None:
    one, two = DeviceRate(path="/dev/a", rate=1), DeviceRate(path="/dev/b", rate=2)
    limits = Resources(device_write_iops=(two,), device_read_bps=(one,))
    assert rates_of(limits) == [("read-bps", one), ("write-iops", two)]


@given(st.sets(st.integers(0, 99999)))
def test_lists_of_numbers(numbers: set[int]) -> None:
    assert parse_list(",".join(map(str, sorted(numbers))), "CPUs") == numbers
    for first in numbers:
        assert parse_list(f"{first}-{min(first + 3, 99999)}", "CPUs") == set(range(first, min(first + 3, 99999) + 1))


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "memory": st.sampled_from([8 * MIB, 64 * MIB]),
        "memory_swap": st.sampled_from([-1, 64 * MIB, 128 * MIB]),
        "nano_cpus": st.just(1_000_000_000),
        "cpu_quota": st.just(5000),
        "cpu_period": st.just(10_000),
        "pids_limit": st.sampled_from([-1, 5]),
    },
)


@given(CHANGES, CHANGES)
def test_an_update_is_what_was_asked_or_an_error(first: dict[str, int], second: dict[str, int]) -> None:
    before = with_swap(Resources(**first))  # type: ignore[arg-type]
    try:
        after = updated(before, second)
        check_limits(after, MACHINE)
    except InvalidArgument:
        return
    assert after == Resources(**(attrs.asdict(before) | second))
    assert not (after.nano_cpus and (after.cpu_quota or after.cpu_period))
    assert not 0 < after.memory_swap < after.memory


@pytest.mark.parametrize(
    ("before", "change", "named"),
    [
        (Resources(cpu_quota=5000), {"nano_cpus": 1}, "CPU quota has already been set"),
        (Resources(nano_cpus=1), {"cpu_period": 5000}, "NanoCPUs has already been set"),
        (Resources(memory=64 * MIB, memory_swap=64 * MIB), {"memory": 128 * MIB}, "memoryswap at the same time"),
    ],
)
def test_updates_that_contradict_what_is(before: Resources, change: dict[str, int], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        updated(before, change)


RATES = st.lists(
    st.builds(DeviceRate, path=st.sampled_from(["/dev/a", "/dev/b", "/dev/c"]), rate=st.integers(0, 3)), max_size=3
).map(tuple)


@given(RATES, RATES)
def test_an_update_of_rates_leaves_the_kernel_with_those_of_the_record(
    before: tuple[DeviceRate, ...], change: tuple[DeviceRate, ...]
) -> None:
    first = updated(Resources(), {"device_read_bps": before})
    second = updated(first, {"device_read_bps": change} if change else {})
    in_force = {ord(rate.path[-1]): rate.rate for rate in first.device_read_bps}
    sections = difference(*(resources_object(HostConfig(resources=each), (), _found(each)) for each in (first, second)))
    for entry in sections.get("blockIO", {}).get("throttleReadBpsDevice", ()):
        in_force[entry["minor"]] = entry["rate"]
    recorded = {ord(rate.path[-1]): rate.rate for rate in second.device_read_bps}
    assert {device: rate for device, rate in in_force.items() if rate} == recorded


def _found(resources: Resources) -> list[BlockRate]:
    return [
        BlockRate(kind=kind, major=8, minor=ord(each.path[-1]), rate=each.rate) for kind, each in rates_of(resources)
    ]
