"""One container's control groups: make, fill, freeze, kill, limit, remove."""

import errno
import os
import re
import select
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from ck.kernel.linux.cgroup import devices
from ck.kernel.linux.cgroup.files import NOT_THERE, make, read, remove_tree, walk, write
from ck.kernel.linux.cgroup.layout import PARENT, V1_CONTROLLERS, Layout
from ck.kernel.linux.cgroup.parent import hand_down, inherit_cpuset, make_parent, remove_parent
from ck.kernel.linux.cgroup.values import V1_RATES, V2_RATES, Setting, SettingRefused

_OWNER: Final = "trusted.ck.owner"
_CONTAINER: Final = re.compile("[0-9a-f]{64}")

# v1's cpuset takes each process's time at a start, so a container has a group there only if it is limited.
_EVERYBODYS: Final = tuple(controller for controller in V1_CONTROLLERS if controller != "cpuset")


def groups(layout: Layout) -> list["Group"]:
    """Those of all containers there are on this machine, in any hierarchy and below any parent."""
    found: set[tuple[str, str]] = set()
    for top in layout.tops:
        for parent, names, _ in os.walk(top):
            found.update((os.path.relpath(parent, top), name) for name in names if _CONTAINER.fullmatch(name))
            names[:] = [name for name in names if not _CONTAINER.fullmatch(name)]
    return [Group(layout._replace(parent=parent), name) for parent, name in sorted(found)]


class Group:
    """The groups of container *container_id*; making this object touches nothing. *layout* must have the unified
    hierarchy, and says below which parent they are."""

    def __init__(self, layout: Layout, container_id: str) -> None:
        self._layout = layout
        self.container_id = container_id
        self.path = os.path.join(layout.parent, container_id)
        self.unified = os.path.join(layout.unified, self.path)

    @property
    def directories(self) -> list[str]:
        """Every directory of the group, the unified hierarchy's last."""
        return [os.path.join(top, self.path) for top in self._layout.tops]

    def directory(self, controller: str) -> str:
        """Where the files of *controller*, v1's name or v2's, are."""
        return self._layout.directory(controller, self.path)

    def create(self, settings: Iterable[Setting] = (), device_program: bytes | None = None) -> None:
        """Make the groups with their limits, anew where an earlier run of the container left some (which must be
        empty).

        *device_program* is that of ck.kernel.linux.cgroup.devices.compile_rules. Raises: SettingRefused;
        NotADirectoryError whose `filename` is what is a file of the kernel; OSError.
        """
        settings = list(settings)
        # A group above that is somebody else's may have a cpuset of its own.
        bound = self._layout.parent != PARENT or any(setting.controller == "cpuset" for setting in settings)
        for top in self._tops(with_cpuset=bound):
            self._make(top)
        for setting in settings:
            self._set(setting)
        if device_program is not None:
            self.attach_devices(device_program)

    def attach_devices(self, program: bytes) -> None:
        """Let *program* (ck.kernel.linux.cgroup.devices) decide about devices."""
        group = os.open(self.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            devices.attach(program, group)
        finally:
            os.close(group)

    def update(self, settings: Iterable[Setting]) -> None:
        """Write further limits to groups with processes in them; on failure, what was is written back.

        Raises: SettingRefused, OSError.
        """
        settings = list(settings)
        if any(setting.controller == "cpuset" for setting in settings):
            self._enter_cpuset()
        done: list[Setting] = []
        try:
            for setting in _in_order(settings, self._value):
                before = setting._replace(value=self._value(setting))
                self._set(setting)
                done.append(before)
        except OSError:
            for setting in reversed(done):
                self._set(setting)
            raise

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
        for top in self._tops(with_cpuset=True)[:-1]:
            try:
                write(os.path.join(top, self.path, "tasks"), "0")
            except FileNotFoundError:
                if top != self._layout.v1.get("cpuset"):  # where not every container has one
                    raise
        if not self._is_entered():
            write(os.path.join(self.unified, "cgroup.procs"), "0")

    def add(self, pid: int) -> None:
        """Move process *pid* with all its threads into the groups."""
        for directory in self.directories:
            if os.path.isdir(directory):
                write(os.path.join(directory, "cgroup.procs"), str(pid))

    def pids(self) -> list[int]:
        """All processes in the group and those below it; none when the group is gone."""
        found: list[int] = []
        for directory in walk(self.unified):
            found += map(int, read(os.path.join(directory, "cgroup.procs")).split())
        return found

    def freeze(self, timeout: float) -> None:
        """Stop every process; return once all are stopped or have ended. Raises: TimeoutError after *timeout* seconds,
        thawed again."""
        write(os.path.join(self.unified, "cgroup.freeze"), "1")
        # Those that are killed meanwhile do not freeze, and a group that they leave empty need not say so.
        if not self._wait_for(("frozen 1", "populated 0"), timeout):
            self.thaw()
            raise TimeoutError(f"a process did not freeze within {timeout:g} seconds")

    def thaw(self) -> None:
        """Let them run again."""
        write(os.path.join(self.unified, "cgroup.freeze"), "0")

    def kill(self) -> None:
        """SIGKILL to every process in the group and below, frozen ones too; none that forks can slip away. Gone is
        success. Limits on I/O are lifted: who waits for a disk does not die before it was served."""
        self._lift_rates()
        try:
            write(os.path.join(self.unified, "cgroup.kill"), "1")
        except OSError as exc:
            if exc.errno not in (errno.ENOENT, errno.ENODEV):  # removed, so nothing lives in it
                raise

    def _lift_rates(self) -> None:
        for file, unlimited in (V1_RATES if "blkio" in self._layout.v1 else V2_RATES).items():
            path = os.path.join(self._layout.directory("blkio", self.path), file)
            for line in read(path).splitlines():
                with suppress(OSError):  # the group goes, or somebody was faster
                    write(path, f"{line.split()[0]} {unlimited}")

    def wait_empty(self, timeout: float) -> bool:
        """Wait until no process is left, *timeout* seconds at most; whether so. A group that is gone is empty."""
        return self._wait_for(("populated 0",), timeout)

    def remove(self, timeout: float = 10.0) -> None:
        """Remove the groups and what the container made below them; gone already is success.

        Raises: OSError (EBUSY) where a process is left after *timeout* seconds.
        """
        # A task leaves its groups late in its exit, after its parent may have reaped it: an rmdir at that moment is
        # EBUSY. It leaves all hierarchies in one go, so the unified one's event speaks for v1, which has none.
        if not self.wait_empty(timeout):
            raise OSError(errno.EBUSY, f"processes are left in the control group {self.unified}")
        for top in self._layout.tops:
            remove_tree(os.path.join(top, self.path))
            if self._layout.parent != PARENT:
                remove_parent(top, self._layout.parent)

    def _tops(self, *, with_cpuset: bool) -> list[str]:
        v1 = self._layout.v1
        wanted = {v1[name] for name in _EVERYBODYS if name in v1}
        if with_cpuset and "cpuset" in v1:
            wanted.add(v1["cpuset"])
        return [*sorted(wanted), self._layout.unified]

    def _make(self, top: str) -> None:
        directory = os.path.join(top, self.path)
        if top == self._layout.unified:
            hand_down(self._layout, os.path.dirname(directory))  # somebody else may have made the group above
        try:
            fresh = make(directory)
        except NOT_THERE:
            make_parent(self._layout, top, self._layout.parent)
            fresh = make(directory)
        if not fresh:
            remove_tree(directory)
            os.mkdir(directory, 0o755)
        if top == self._layout.v1.get("cpuset"):
            inherit_cpuset(top, self.path)

    def _enter_cpuset(self) -> None:
        """Put all processes under v1's cpuset controller, if they are not yet."""
        top = self._layout.v1.get("cpuset")
        if top is None or os.path.isdir(os.path.join(top, self.path)):
            return
        self._make(top)
        # Until none is new: a process that is forked meanwhile is born where its parent is.
        moved: set[int] = set()
        while fresh := set(self.pids()) - moved:
            for pid in fresh:
                with suppress(ProcessLookupError):
                    write(os.path.join(top, self.path, "cgroup.procs"), str(pid))
            moved |= fresh

    def _set(self, setting: Setting) -> None:
        path = os.path.join(self.directory(setting.controller), setting.file)
        try:
            write(path, setting.value)
        except OSError as exc:
            raise SettingRefused(exc.errno or 0, setting) from exc

    def _value(self, setting: Setting) -> str:
        """What is in force in its place, as one could write it."""
        text = read(os.path.join(self.directory(setting.controller), setting.file)).strip()
        device, space, rate = setting.value.partition(" ")
        if space and ":" in device:
            key, equals, _ = rate.partition("=")
            unlimited = f"{device} {key}=max" if equals else f"{device} 0"
            return next((line for line in text.splitlines() if line.startswith(f"{device} ")), unlimited)
        # v1's memory.oom_control tells more than can be written, on lines of their own: the first is the switch.
        return text.partition("\n")[0].rpartition(" ")[2] if "\n" in text else text

    def _is_entered(self) -> bool:
        name = self.unified[len(self._layout.unified) :]
        return f"0::{name}\n" in read("/proc/self/cgroup")

    def _wait_for(self, lines: Sequence[str], timeout: float) -> bool:
        """Wait until cgroup.events has one of *lines*; whether it did in time. A group that is gone satisfies
        everything."""
        try:
            fd = os.open(os.path.join(self.unified, "cgroup.events"), os.O_RDONLY | os.O_CLOEXEC)
        except NOT_THERE:
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


def _in_order(settings: list[Setting], value: Callable[[Setting], str]) -> list[Setting]:
    """v1's memory may not be above memory and swap together at any moment: where it grows past what that is now, the
    sum goes first."""
    by_file = {setting.file: setting for setting in settings}
    memory, both = by_file.get("memory.limit_in_bytes"), by_file.get("memory.memsw.limit_in_bytes")
    if memory is None or both is None or int(memory.value) <= int(value(both) or 0):
        return settings
    return [both, *(setting for setting in settings if setting is not both)]
