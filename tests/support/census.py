"""What a test session leaves behind: processes, mounts, namespaces, network links, cgroups, loop devices, directories.

Other sessions may run on the machine at the same time, so what carries no name of this session counts only if it is new
and looks like ours.
"""

import os
import select
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from ck.kernel.linux.cgroup import detect, groups

SETTLE_SECONDS = 10.0
T = TypeVar("T")


@attrs.frozen
class Census:
    """Sorted descriptions, one of each thing found."""

    things: frozenset[str]

    def since(self, earlier: "Census") -> frozenset[str]:
        return self.things - earlier.things


def take(markers: Sequence[str]) -> Census:
    """Count what is there; *markers* are strings of paths that only this session uses."""
    found = [
        *(f"process {pid}: {_command(pid)}" for pid in processes(markers)),
        *_mounts(markers),
        *(f"network namespace {path}" for path in Path("/run/netns").glob("ck*")),
        *(f"network link {path.name}" for path in Path("/sys/class/net").glob("ck*")),
        *_cgroups(markers),
        *_loop_devices(markers),
        *_directories(markers),
    ]
    return Census(frozenset(found))


def left_since(earlier: Census, markers: Sequence[str]) -> list[str]:
    """What there is that was not there *earlier*, and stays. What other sessions make and remove is another thing with
    every look."""
    left = take(markers).since(earlier)

    def still() -> frozenset[str]:
        nonlocal left
        left &= take(markers).since(earlier)
        return left

    return sorted(settled(still, frozenset[str]()))


def processes(markers: Iterable[str], of: Iterable[int] = (os.getpid(),)) -> list[int]:
    """Processes whose command line or environment has one of *markers*, and all descendants of those and of *of*."""
    wanted = [marker.encode() for marker in markers]
    parents = {int(path.name): parent_of(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    others = parents.keys() - {os.getpid()}
    marked = {pid for pid in others if any(marker in text for marker in wanted for text in _texts(pid))}
    found = marked | {pid for pid in others if _descends(pid, {*of, *marked}, parents)}
    return sorted(pid for pid in found if _is_alive(pid))


def settle(pids: Iterable[int], seconds: float = SETTLE_SECONDS) -> None:
    """Wait until all of *pids* have ended, at most *seconds*: what was told to stop may still be at it."""
    poll = select.poll()
    waiting = set()
    for pid in pids:
        try:
            waiting.add(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + seconds
    gone: set[int] = set()
    while gone != waiting and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            gone.add(descriptor)
    for descriptor in waiting:
        os.close(descriptor)


def settled(look: Callable[[], T], wanted: T, seconds: float = SETTLE_SECONDS) -> T:
    """Look until it is *wanted*, *seconds* at most; return what was seen last. For what is freed after everybody has
    been told: nobody tells when that is done."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen


def _mounts(markers: Sequence[str]) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [f"mount {line}" for line in lines if any(marker in line for marker in markers)]


def _cgroups(markers: Sequence[str]) -> list[str]:
    # Ours by name, whoever else has groups beside them; what has no owner is told apart below.
    owners = {each.container_id: each.owner for each in groups(detect())}
    ours = {name for name, owner in owners.items() if any(marker in owner for marker in markers)}
    theirs = {name for name, owner in owners.items() if owner} - ours
    found = [f"cgroup of {name}" for name in ours]
    for top in _tops():
        # A group in which somebody else's processes live belongs to another session.
        below = [Path(path) for path, _, _ in os.walk(top)]  # which overlooks what goes meanwhile
        below = [path for path in below if not theirs.intersection(path.parts)]
        inhabitants = {int(pid) for path in below for pid in _read(path / "cgroup.procs").split()}
        if not inhabitants or inhabitants & set(processes(markers)):
            found += [f"cgroup {path}" for path in below[1:]]
    return found


def _tops() -> list[Path]:
    """Groups that are called as ours are; by os.walk, which overlooks what goes meanwhile."""
    return [Path(path, name) for path, names, _ in os.walk("/sys/fs/cgroup") for name in names if name.startswith("ck")]


def _directories(markers: Sequence[str]) -> list[str]:
    tops = [path for top in ("/run", tempfile.gettempdir()) for path in Path(top).iterdir()]
    return [f"directory {path}" for path in tops if any(marker in str(path) for marker in markers)]


def _loop_devices(markers: Sequence[str]) -> list[str]:
    found = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        backing = _read(path)
        if any(marker in backing for marker in markers):
            found.append(f"loop device {path.parts[3]} of {backing.strip()}")
    return found


def _read(path: Path) -> str:
    """The text of a file of /proc or /sys, empty if it has gone meanwhile."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _texts(pid: int) -> Iterable[bytes]:
    for name in ("cmdline", "environ"):
        yield _read(Path(f"/proc/{pid}/{name}")).encode()


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()


def command_name(pid: int) -> str:
    """What proc_pid_comm(5) says, "" for a process that has gone."""
    return _read(Path(f"/proc/{pid}/comm")).strip()


def parent_of(pid: int) -> int:
    """The PID of its parent, 0 for a process that has gone."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _is_alive(pid: int) -> bool:
    """Whether it exists and is no zombie, which only awaits its parent."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(fields) and fields[0] not in "ZX"


def _descends(pid: int, tops: set[int], parents: dict[int, int]) -> bool:
    while pid > 1:
        pid = parents.get(pid, 0)
        if pid in tops:
            return True
    return False
