"""One container's control groups: make, fill, freeze, kill, read, remove."""

import errno
import os
import select
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ck.kernel.linux.cgroup import devices
from ck.kernel.linux.cgroup.layout import CONTROLLERS, Layout
from ck.kernel.linux.cgroup.limits import Setting

PARENT: Final = "ck"
"""The group below each hierarchy's root that holds those of the containers, and nothing else."""


_OWNER: Final = "trusted.ck.owner"
_SETTLE_SECONDS: Final = 1.0
"""For how long a group that is reported empty may still be busy."""


def groups(layout: Layout) -> list[str]:
    """The container IDs of all groups there are on this machine, in any hierarchy."""
    tops = {os.path.join(top, PARENT) for top in (layout.unified, *layout.v1.values())}
    return sorted({os.path.basename(path) for top in tops for path in _walk(top)[1:] if os.path.dirname(path) == top})


class Usage(NamedTuple):
    """What the group's processes take: bytes, processes and threads, nanoseconds; 0 where the host does not account."""

    memory: int
    pids: int
    cpu: int


class Group:
    """The groups of container *container_id*; making this object touches nothing. *layout* must have the unified
    hierarchy."""

    def __init__(self, layout: Layout, container_id: str) -> None:
        self._layout = layout
        self.unified = os.path.join(layout.unified, PARENT, container_id)
        self._directories = {
            controller: os.path.join(layout.v1.get(controller, layout.unified), PARENT, container_id)
            for controller in CONTROLLERS
        }

    @property
    def directories(self) -> list[str]:
        """Every directory of the group, the unified hierarchy's last."""
        return [*dict.fromkeys(self._v1_directories()), self.unified]

    def create(self, settings: Iterable[Setting] = (), device_program: bytes | None = None) -> None:
        """Make the groups with their limits, anew where an earlier run of the container left some (which must be
        empty).

        *device_program* is that of ck.kernel.linux.cgroup.devices.compile_rules.
        """
        for directory in self.directories:
            try:
                fresh = _make(directory)
            except FileNotFoundError:
                self._make_parent(os.path.dirname(directory))
                fresh = _make(directory)
            if not fresh:
                _remove_tree(directory)
                os.mkdir(directory, 0o755)
        for setting in settings:
            _write(os.path.join(self._directories[setting.controller], setting.file), setting.value)
        if device_program is not None:
            group = os.open(self.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                devices.attach(device_program, group)
            finally:
                os.close(group)

    def tag(self, owner: str) -> None:
        """Write on it whose it is (an extended attribute), for `owner` to read."""
        os.setxattr(self.unified, _OWNER, owner.encode())

    @property
    def owner(self) -> str:
        """What `tag` wrote; "" where nobody did, or the group is gone."""
        try:
            return os.getxattr(self.unified, _OWNER).decode(errors="replace")
        except OSError:
            return ""

    def enter(self) -> None:
        """Move the calling thread, the only one of its process, into the groups.

        In v1 groups by `tasks`: the kernel moves a single thread that asks for itself at once, while `cgroup.procs`
        waits for an RCU grace period (about 10 ms). The unified hierarchy has no such way; there the process was born
        in its group (ck.kernel.linux.process.fork_into_cgroup), or pays.
        """
        for directory in dict.fromkeys(self._v1_directories()):
            _write(os.path.join(directory, "tasks"), "0")
        if not self._is_entered():
            _write(os.path.join(self.unified, "cgroup.procs"), "0")

    def add(self, pid: int) -> None:
        """Move process *pid* with all its threads into the groups."""
        for directory in self.directories:
            _write(os.path.join(directory, "cgroup.procs"), str(pid))

    def pids(self) -> list[int]:
        """All processes in the group and those below it; none when the group is gone."""
        found: list[int] = []
        for directory in _walk(self.unified):
            found += map(int, _read(os.path.join(directory, "cgroup.procs")).split())
        return found

    def freeze(self, timeout: float) -> None:
        """Stop every process; return once all are stopped or have ended. Raises: TimeoutError after *timeout* seconds,
        thawed again."""
        _write(os.path.join(self.unified, "cgroup.freeze"), "1")
        # Those that are killed meanwhile do not freeze, and a group that they leave empty need not say so.
        if not self._wait_for(("frozen 1", "populated 0"), timeout):
            self.thaw()
            raise TimeoutError(f"a process did not freeze within {timeout:g} seconds")

    def thaw(self) -> None:
        """Let them run again."""
        _write(os.path.join(self.unified, "cgroup.freeze"), "0")

    def kill(self) -> None:
        """SIGKILL to every process in the group and below, frozen ones too; none that forks can slip away. Gone is
        success."""
        try:
            _write(os.path.join(self.unified, "cgroup.kill"), "1")
        except OSError as exc:
            if exc.errno not in (errno.ENOENT, errno.ENODEV):  # removed, so nothing lives in it
                raise

    def wait_empty(self, timeout: float) -> bool:
        """Wait until no process is left, *timeout* seconds at most; whether so. A group that is gone is empty."""
        return self._wait_for(("populated 0",), timeout)

    def usage(self) -> Usage:
        """Read the accounts."""
        v1 = self._layout.v1
        memory = self._number("memory", "memory.usage_in_bytes" if "memory" in v1 else "memory.current")
        pids = self._number("pids", "pids.current")
        if "cpuacct" in v1:
            return Usage(memory, pids, self._number("cpuacct", "cpuacct.usage"))
        return Usage(memory, pids, self._field("cpu", "cpu.stat", "usage_usec") * 1000)

    def oom_kills(self) -> int:
        """How many processes of the group the kernel has killed for want of memory."""
        return self._field(
            "memory", "memory.oom_control" if "memory" in self._layout.v1 else "memory.events", "oom_kill"
        )

    def remove(self, timeout: float = 10.0) -> None:
        """Remove the groups and what the container made below them; gone already is success.

        Raises: OSError (EBUSY) where a process is left after *timeout* seconds.
        """
        # A task leaves its groups late in its exit, after its parent may have reaped it: an rmdir at that moment is
        # EBUSY. It leaves all hierarchies in one go, so the unified one's event speaks for v1, which has none.
        if not self.wait_empty(timeout):
            raise OSError(errno.EBUSY, f"processes are left in the control group {self.unified}")
        for directory in self.directories:
            _remove_tree(directory)

    def _v1_directories(self) -> Iterator[str]:
        return (self._directories[controller] for controller in CONTROLLERS if controller in self._layout.v1)

    def _make_parent(self, parent: str) -> None:
        _make(parent)
        if parent == os.path.dirname(self.unified):
            self._delegate(os.path.dirname(parent), parent)

    def _delegate(self, root: str, parent: str) -> None:
        """Hand the controllers that v1 does not hold down to the containers' groups."""
        offered = _read(os.path.join(root, "cgroup.controllers")).split()
        wanted = {name for name in CONTROLLERS if name in offered and name not in self._layout.v1}
        if not wanted <= set(_read(os.path.join(parent, "cgroup.subtree_control")).split()):
            request = " ".join(f"+{name}" for name in sorted(wanted))
            _write(os.path.join(root, "cgroup.subtree_control"), request)
            _write(os.path.join(parent, "cgroup.subtree_control"), request)

    def _is_entered(self) -> bool:
        name = self.unified[len(self._layout.unified) :]
        return f"0::{name}\n" in _read("/proc/self/cgroup")

    def _wait_for(self, lines: Sequence[str], timeout: float) -> bool:
        """Wait until cgroup.events has one of *lines*; whether it did in time. A group that is gone satisfies
        everything."""
        try:
            fd = os.open(os.path.join(self.unified, "cgroup.events"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        wanted = {line.encode() for line in lines}
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(fd, select.POLLPRI)
        try:
            # kernfs reports a change since the last read of this very fd, so none can be missed between read and poll.
            while wanted.isdisjoint(os.pread(fd, 4096, 0).splitlines()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                poll.poll(left * 1000)
        except OSError as exc:
            if exc.errno != errno.ENODEV:
                raise
            # Removed while we watched.
        finally:
            os.close(fd)
        return True

    def _number(self, controller: str, file: str) -> int:
        return int(_read(os.path.join(self._directories[controller], file)) or 0)

    def _field(self, controller: str, file: str, key: str) -> int:
        for line in _read(os.path.join(self._directories[controller], file)).splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
        return 0


def _make(directory: str) -> bool:
    """Whether it was not there."""
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        return False
    return True


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _read(path: str) -> str:
    """The file's text, "" where the group or the file is not there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
        return b"".join(chunks).decode()
    except OSError as exc:
        if exc.errno != errno.ENODEV:  # removed meanwhile
            raise
        return ""
    finally:
        os.close(fd)


def _walk(directory: str) -> Sequence[str]:
    """*directory* and the groups below it, parents before children; nothing when it is gone."""
    try:
        with os.scandir(directory) as entries:
            children = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return ()
    found = [directory]
    for child in children:
        found += _walk(child)
    return found


def _remove_tree(directory: str) -> None:
    for group in reversed(_walk(directory)):
        _rmdir(group)


def _rmdir(group: str) -> None:
    """Remove an empty group; gone already is success."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        try:
            os.rmdir(group)
        except FileNotFoundError:
            return
        except OSError as exc:
            # The kernel takes the last task out of the hierarchies one after another and reports the unified one's
            # event on the way (css_set_update_populated): a v1 group may be busy for a moment longer, and has no event.
            if exc.errno != errno.EBUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.001)
        else:
            return
