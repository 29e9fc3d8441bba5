"""`--cpus` and its kin: who computes all the time gets its share, within five in a hundred."""

import os

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter, cpu_of

BURN = ("sh", "-c", "while :; do :; done")


def held(meter: Meter, name: str, quota: float) -> None:
    """It gets no more, and no less where nothing but its limit keeps it from more."""
    share, of_quota = meter.cpu_used(name, quota)
    assert share <= quota * 1.05
    assert of_quota >= 0.95


def test_cpus(lab: Lab, meter: Meter) -> None:
    held(meter, lab.up("--cpus 0.4", *BURN), 0.4)


def test_quota_and_period(lab: Lab, meter: Meter) -> None:
    held(meter, lab.up("--cpu-period 20000 --cpu-quota 6000", *BURN), 0.3)


def test_an_update_changes_the_quota(lab: Lab, meter: Meter) -> None:
    name = lab.up("", *BURN)
    lab.ck("update", "--cpus", "0.3", name)
    held(meter, name, 0.3)


def test_shares_of_one_cpu(lab: Lab, meter: Meter) -> None:
    last = max(os.sched_getaffinity(0))
    large = lab.up(f"--cpuset-cpus {last} --cpu-shares 2048", *BURN)
    small = lab.up(f"--cpuset-cpus {last} --cpu-shares 1024", *BURN)
    first = [cpu_of(meter.look(name)) for name in (large, small)]
    meter.until(small, lambda stats: cpu_of(stats) - first[1] > 1_500_000_000)
    second = [cpu_of(meter.look(name)) for name in (large, small)]
    used = [after - before for before, after in zip(first, second, strict=True)]
    # v2 has weights of its own, and 2048 shares are 174 where 1024 are 100.
    ratio = 1.74 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 2.0
    assert used[0] / used[1] == pytest.approx(ratio, rel=0.1)


def test_cpuset(lab: Lab) -> None:
    last = max(os.sched_getaffinity(0))
    script = "grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status"
    assert lab.out(f"--cpuset-cpus {last} --cpuset-mems 0", script).split() == [
        "Cpus_allowed_list:",
        str(last),
        "Mems_allowed_list:",
        "0",
    ]


def test_a_session_is_held_too(lab: Lab) -> None:
    last = max(os.sched_getaffinity(0))
    name = lab.up(f"--cpuset-cpus {last}")
    assert lab.ck("exec", name, "sh", "-c", "grep Cpus_allowed_list /proc/self/status").split()[1] == str(last)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--cpus 0.001", "not 0.001"),
        ("--cpus 999", "CPUs available, not 999"),
        ("--cpus 1 --cpu-quota 5000", "NanoCPUs and CPU quota cannot both be set"),
        ("--cpu-period 999", "CPU cfs period"),
        ("--cpu-quota 999", "CPU cfs quota"),
        ("--cpu-quota 92233720368547", "--cpu-quota 92233720368547"),
        ("--cpu-shares=-5", "cpu-shares is 2, not -5"),
        ("--cpuset-cpus 77", "requested 77, available: "),
        ("--cpuset-cpus 1-", "invalid list of CPUs '1-'"),
        ("--cpuset-mems 9", "memory nodes are not available"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)
