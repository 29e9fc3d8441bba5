"""What the compiler of plans must know of the host."""

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from ck.kernel.linux import capability, rlimit
from ck.kernel.linux.cgroup import Layout, files_of


@attrs.frozen(kw_only=True)
class HostFacts:
    """`kernel` is (major, minor); `capabilities` is the mask of those that ckd can give, `last_capability` the highest
    number the kernel knows; `hard_limits` are ckd's own, by RLIMIT_* name."""

    kernel: tuple[int, int]
    machine: str
    cgroups: Layout
    capabilities: int
    last_capability: int
    hard_limits: Mapping[str, int]
    cgroup_files: frozenset[str] = frozenset()  # those that a container's groups have
    weighs_io: bool = False  # some disk has a scheduler that knows weights

    @property
    def may_raise_limits(self) -> bool:
        return bool(self.capabilities >> capability.CAPABILITIES["CAP_SYS_RESOURCE"] & 1)


def read_host_facts(cgroups: Layout) -> HostFacts:
    """Read them from the running system. Raises: OSError."""
    name = os.uname()
    major, minor = name.release.split(".")[:2]
    return HostFacts(
        kernel=(int(major), int(minor.partition("-")[0])),
        machine=name.machine,
        cgroups=cgroups,
        capabilities=capability.permitted(),
        last_capability=capability.last_capability(),
        hard_limits=rlimit.hard_limits(),
        cgroup_files=files_of(cgroups),
        weighs_io=any("[bfq]" in file.read_text() for file in Path("/sys/block").glob("*/queue/scheduler")),
    )
