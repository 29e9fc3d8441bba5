"""Reading what processes use."""

import os
import re
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self


def pss(pids: Iterable[int]) -> float:
    """Proportional set size of processes together, in MB (proc(5), smaps_rollup)."""
    total = 0
    for pid in pids:
        match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(match[1]) if match else 0
    return total / 1024


def peak_resident(pids: Iterable[int]) -> float:
    """The most memory that was resident of any of the processes, in MB (proc(5), VmHWM)."""
    status = (Path(f"/proc/{pid}/status").read_text() for pid in pids)
    found = (re.search(r"^VmHWM:\s+(\d+)", text, re.MULTILINE) for text in status)
    return max(int(match[1]) for match in found if match) / 1024


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes together."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class ProcessEvents:
    """Forks and execs of the machine as the kernel tells them (linux/cn_proc.h), in nanoseconds since boot."""

    _FORK, _EXEC = 0x1, 0x2
    _HEADERS = 16 + 20  # of netlink(7), and of its connector

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11)  # NETLINK_CONNECTOR
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((0, 1))  # CN_IDX_PROC
        listen = struct.pack("=I", 1)
        message = struct.pack("=IIIIHH", 1, 1, 0, 0, len(listen), 0) + listen
        self._socket.send(struct.pack("=IHHII", 16 + len(message), 3, 0, 0, os.getpid()) + message)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fork_to_exec(self, pid: int) -> float:
        """Milliseconds from the fork of process *pid* to its last exec, of what was told until now."""
        forked, executed = 0, 0
        self._socket.setblocking(False)
        while True:
            try:
                packet = self._socket.recv(4096)[self._HEADERS :]
            except BlockingIOError:
                break
            what, _, at, one, _, _, two = struct.unpack_from("=IIQIIII", packet.ljust(32, b"\0"))
            if what == self._FORK and two == pid:
                forked = at
            elif what == self._EXEC and one == pid:
                executed = at
        if not (forked and executed):
            raise AssertionError(f"the kernel told of no fork and exec of process {pid}")
        return (executed - forked) / 1e6
