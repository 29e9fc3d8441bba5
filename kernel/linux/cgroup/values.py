"""Limits as they are asked for, and settings as they are written."""

import os
from typing import Final, NamedTuple


class Rate(NamedTuple):
    """A limit for one block device. `kind` is "read-bps", "write-bps", "read-iops" or "write-iops"; `rate` is in bytes
    or operations a second, 0 for no limit."""

    kind: str
    major: int
    minor: int
    rate: int


class Limits(NamedTuple):
    """Of one group. Bytes; microseconds; None for what is not limited, -1 for what is expressly unlimited."""

    memory: int | None = None
    memory_swap: int | None = None  # memory and swap together, as v1 counts
    memory_reservation: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    oom_group: bool = False  # who runs out of memory loses all processes
    pids: int | None = None
    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    io_weight: int | None = None  # 10 to 1000, as v1 counts
    io_rates: tuple[Rate, ...] = ()


class Setting(NamedTuple):
    """Write *value* to *file* in the group of *controller*; *option* of the command line asks for it."""

    controller: str
    file: str
    value: str
    option: str = ""


class SettingRefused(OSError):
    """The kernel does not take *setting*; `filename` is its file."""

    def __init__(self, error: int, setting: Setting) -> None:
        super().__init__(error, os.strerror(error), setting.file)
        self.setting = setting


def or_max(value: int) -> str:
    """As the files say "no limit"."""
    return "max" if value < 0 else str(value)


V1_RATES: Final = {
    f"blkio.throttle.{kind}_device": "0" for kind in ("read_bps", "write_bps", "read_iops", "write_iops")
}
"""The files in which each line is a device and a rate of its I/O, and what stands for no limit."""

V2_RATES: Final = {"io.max": "rbps=max wbps=max riops=max wiops=max"}
