"""What a group has used, read again and again from files that stay open."""

import errno
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple

from ck.kernel.linux.cgroup.group import Group
from ck.kernel.linux.cgroup.layout import Layout

_UNLIMITED: Final = (1 << 63) - 1


class Transfer(NamedTuple):
    """What went to and from one block device. `operation` is "read", "write", "discard" and, on v1, "sync", "async",
    "total"."""

    major: int
    minor: int
    operation: str
    value: int


class Accounts(NamedTuple):
    """Bytes; nanoseconds since the group was made. A limit is 0 where there is none, `per_cpu` empty on v2, `pressure`
    (PSI: the percentage of the last ten seconds in which some process waited for "cpu", "memory", "io") on v1."""

    memory: int
    memory_limit: int
    memory_peak: int
    memory_failures: int  # how often the limit was reached
    memory_details: Mapping[str, int]
    cpu: int
    cpu_user: int
    cpu_system: int
    per_cpu: Sequence[int]
    periods: int
    throttled_periods: int
    throttled: int
    pids: int
    pids_limit: int
    io_bytes: Sequence[Transfer]
    io_operations: Sequence[Transfer]
    pressure: Mapping[str, float]


class AccountReader:
    """The files of one group. Opening and closing costs as much as reading them, so they stay open until `close`."""

    def __init__(self, layout: Layout, group: Group) -> None:
        self._layout, self._group = layout, group
        self._fds: dict[str, int | None] = {}

    def __enter__(self) -> "AccountReader":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for fd in self._fds.values():
            if fd is not None:
                os.close(fd)
        self._fds.clear()

    def read(self) -> Accounts | None:
        """None when the group is gone."""
        v1 = self._layout.v1
        try:
            usage, limit, peak, failures, details = self._memory_v1() if "memory" in v1 else self._memory_v2()
            cpu, user, system, per_cpu = self._cpu_v1() if "cpuacct" in v1 else self._cpu_v2()
            schedule = _pairs(self._text("cpu", "cpu.stat"))
            scale, throttled = (1, "throttled_time") if "cpu" in v1 else (1000, "throttled_usec")
            moved = self._io_v1() if "blkio" in v1 else self._io_v2()
            return Accounts(
                memory=usage,
                memory_limit=limit,
                memory_peak=peak,
                memory_failures=failures,
                memory_details=details,
                cpu=cpu,
                cpu_user=user,
                cpu_system=system,
                per_cpu=per_cpu,
                periods=schedule.get("nr_periods", 0),
                throttled_periods=schedule.get("nr_throttled", 0),
                throttled=schedule.get(throttled, 0) * scale,
                pids=self._number("pids", "pids.current"),
                pids_limit=self._number("pids", "pids.max"),
                io_bytes=moved[0],
                io_operations=moved[1],
                pressure={} if "memory" in v1 else self._pressure(),
            )
        except OSError as exc:
            if exc.errno != errno.ENODEV:
                raise
            return None

    def _memory_v1(self) -> tuple[int, int, int, int, Mapping[str, int]]:
        details = _pairs(self._text("memory", "memory.stat"))
        limit = details.get("hierarchical_memory_limit", 0)
        return (
            self._number("memory", "memory.usage_in_bytes"),
            0 if limit >= _UNLIMITED >> 12 << 12 else limit,
            self._number("memory", "memory.max_usage_in_bytes"),
            self._number("memory", "memory.failcnt"),
            details,
        )

    def _memory_v2(self) -> tuple[int, int, int, int, Mapping[str, int]]:
        return (
            self._number("memory", "memory.current"),
            self._number("memory", "memory.max"),
            self._number("memory", "memory.peak"),
            _pairs(self._text("memory", "memory.events")).get("max", 0),
            _pairs(self._text("memory", "memory.stat")),
        )

    def _cpu_v1(self) -> tuple[int, int, int, Sequence[int]]:
        # The sum is measured; how much of it is the user's is guessed by what ran when the clock ticked.
        per_cpu = [int(number) for number in self._text("cpuacct", "cpuacct.usage_percpu").split()]
        rows = [line.split() for line in self._text("cpuacct", "cpuacct.usage_all").splitlines()[1:]]
        return sum(per_cpu), sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows), per_cpu

    def _cpu_v2(self) -> tuple[int, int, int, Sequence[int]]:
        times = _pairs(self._text("cpu", "cpu.stat"))
        total, user, system = (times.get(key, 0) * 1000 for key in ("usage_usec", "user_usec", "system_usec"))
        return total, user, system, ()

    def _io_v1(self) -> tuple[Sequence[Transfer], Sequence[Transfer]]:
        found = []
        for file in ("blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"):
            rows = [line.split() for line in self._text("blkio", file).splitlines()]
            found.append([_transfer(row[0], row[1].lower(), row[2]) for row in rows if len(row) == 3])
        return found[0], found[1]

    def _io_v2(self) -> tuple[Sequence[Transfer], Sequence[Transfer]]:
        moved: list[Transfer] = []
        done: list[Transfer] = []
        for line in self._text("io", "io.stat").splitlines():
            device, *pairs = line.split()
            values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            for operation, letter in (("read", "r"), ("write", "w"), ("discard", "d")):
                if letter + "bytes" in values:
                    moved.append(_transfer(device, operation, values[letter + "bytes"]))
                    done.append(_transfer(device, operation, values[letter + "ios"]))
        return moved, done

    def _pressure(self) -> Mapping[str, float]:
        found = {}
        for kind in ("cpu", "memory", "io"):
            first = self._text(kind, f"{kind}.pressure").partition("\n")[0]
            fields = dict(pair.split("=", 1) for pair in first.split()[1:])
            if "avg10" in fields:
                found[kind] = float(fields["avg10"])
        return found

    def _number(self, controller: str, file: str) -> int:
        text = self._text(controller, file).strip()
        return int(text) if text.isdecimal() else 0  # "max"

    def _text(self, controller: str, file: str) -> str:
        """The file's text, "" where this host has no such file."""
        if file not in self._fds:
            try:
                path = os.path.join(self._group.directory(controller), file)
                self._fds[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self._fds[file] = None
        fd = self._fds[file]
        if fd is None:
            return ""
        try:
            return os.pread(fd, 65536, 0).decode()
        except OSError as exc:
            if exc.errno == errno.EOPNOTSUPP:  # pressure, where the kernel was told not to count it
                return ""
            raise


def _pairs(text: str) -> dict[str, int]:
    """Of lines such as "key 12"."""
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _transfer(device: str, operation: str, value: str) -> Transfer:
    major, _, minor = device.partition(":")
    return Transfer(int(major), int(minor), operation, int(value))
