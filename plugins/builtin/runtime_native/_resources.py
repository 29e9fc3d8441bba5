"""Limits, rlimits, devices and sysctls of a spec, as steps of a plan. Pure."""

import base64
import errno
import re
import stat
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from ck.kernel.errors import Conflict, InvalidArgument, Unsupported
from ck.kernel.linux.cgroup import DeviceRule, Enforceable, Limits, Rate, SettingRefused, settings
from ck.kernel.linux.cgroup.devices import ACCESS, compile_rules
from ck.kernel.linux.rlimit import INFINITY, RLIMITS
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan, DevicePlan, RlimitPlan

# The spec, config-linux.md "Default Devices": the runtime must supply them whatever the lists say.
_DEFAULT_DEVICES: Final = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
_CONSOLE, _PTMX, _PTS_MAJOR = (5, 1), (5, 2), 136
_THROTTLES: Final = {
    "read-bps": "throttleReadBpsDevice",
    "write-bps": "throttleWriteBpsDevice",
    "read-iops": "throttleReadIOPSDevice",
    "write-iops": "throttleWriteIOPSDevice",
}
_DEVICE_TYPES: Final = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}

# Which namespace a sysctl belongs to (Documentation/admin-guide/sysctl); only those of a namespace of its own are the
# container's to set.
_IPC_SYSCTLS: Final = frozenset(
    "kernel." + name
    for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced", "msg_next_id")
)
_UTS_SYSCTLS: Final = frozenset({"kernel.hostname", "kernel.domainname"})
_SYSCTL_NAME: Final = re.compile(r"[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)+")


class GroupPlace(NamedTuple):
    """Where a container's groups are: `parent` is relative to the root of each hierarchy."""

    parent: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.parent}/{self.name}"


def compile_cgroup(resources: Section, group: GroupPlace, host: HostFacts) -> CgroupPlan:
    """The container's group, its limits and the devices it may use."""
    devices = resources.sections("devices")
    enforceable = compile_limits(resources, host)
    rules = [_device_rule(entry) for entry in devices]
    allowed = [DeviceRule(True, "c", major, minor, "rwm") for _, major, minor in _DEFAULT_DEVICES]
    allowed += [DeviceRule(True, "c", *numbers, "rwm") for numbers in (_CONSOLE, _PTMX, (_PTS_MAJOR, -1))]
    return CgroupPlan(
        container_id=group.name,
        unified=host.cgroups.unified,
        v1=dict(host.cgroups.v1),
        parent=group.parent,
        settings=[list(setting) for setting in enforceable.settings],
        devices=base64.b64encode(compile_rules([*rules, *allowed]) or b"").decode(),
    )


def compile_limits(resources: Section, host: HostFacts) -> Enforceable:
    """The limits in linux.resources, but for devices. Raises: InvalidArgument, Unsupported."""
    with resources:
        with resources.section("memory") as memory:
            limit, swap, reservation = (memory.integer(key) or None for key in ("limit", "swap", "reservation"))
            swappiness, no_killer = memory.integer("swappiness"), memory.flag("disableOOMKiller")
        with resources.section("cpu") as cpu:
            shares, quota, period = (cpu.integer(key) or None for key in ("shares", "quota", "period"))
            cpus, mems = cpu.text("cpus"), cpu.text("mems")
        with resources.section("pids") as pids_section:
            pids = pids_section.integer("limit")
        with resources.section("blockIO") as block:
            weight = block.integer("weight") or None
            rates = tuple(_rate(entry, kind) for kind, key in _THROTTLES.items() for entry in block.sections(key))
        oom_group = _oom_group(resources.mapping("unified"))
    if limit is not None and swap is not None and 0 <= swap < limit:
        raise InvalidArgument(f"memory and swap together ({swap}) cannot be less than memory alone ({limit})")
    limits = Limits(
        memory=limit,
        memory_swap=swap,
        memory_reservation=reservation,
        memory_swappiness=swappiness,
        oom_kill_disable=no_killer,
        oom_group=oom_group,
        pids=pids if pids is None or pids > 0 else -1,
        cpu_shares=shares,
        cpu_quota=quota,
        cpu_period=period,
        cpuset_cpus=cpus,
        cpuset_mems=mems,
        io_weight=weight,
        io_rates=rates,
    )
    return settings(limits, host.cgroups, host.cgroup_files)


def warnings_of(enforceable: Enforceable, host: HostFacts) -> list[str]:
    """What is not enforced, in sentences."""
    said = [
        f"{option} is not enforced: this kernel has no {file} (cgroup {host.cgroups.mode})"
        for option, file in enforceable.missing
    ]
    if any(setting.option == "--blkio-weight" for setting in enforceable.settings) and not host.weighs_io:
        said.append("--blkio-weight is not enforced: no disk of this host has an I/O scheduler that weighs (bfq)")
    return said


def refusal(exc: OSError) -> Conflict | InvalidArgument:
    """What to tell of limits that the kernel does not take: of a setting by the option that asked for it."""
    what = f"{exc.setting.option} {exc.setting.value}" if isinstance(exc, SettingRefused) else str(exc.filename)
    if exc.errno == errno.EBUSY:
        return Conflict(f"{what} cannot be set: the container uses more already")
    return InvalidArgument(f"{what} is refused by the kernel: {exc.strerror}")


def _rate(entry: Section, kind: str) -> Rate:
    with entry:
        major, minor, rate = entry.integer("major"), entry.integer("minor"), entry.integer("rate")
    if major is None or minor is None or rate is None or rate < 0:
        raise InvalidArgument(f"linux.resources.blockIO has a rate {rate!r} for the device {major!r}:{minor!r}")
    return Rate(kind, major, minor, rate)


def _oom_group(unified: dict[str, str]) -> bool:
    for file, value in unified.items():
        if file != "memory.oom.group" or value not in ("0", "1"):
            raise Unsupported(f"the native runtime does not support linux.resources.unified {file}={value!r}")
    return unified.get("memory.oom.group") == "1"


def _device_rule(entry: Section) -> DeviceRule:
    with entry:
        allow, kind = entry.flag("allow"), entry.text("type") or "a"
        major, minor = entry.integer("major"), entry.integer("minor")
        access = entry.text("access") or "rwm"
    if kind not in ("a", "b", "c") or not set(access) <= set(ACCESS):
        raise InvalidArgument(f"linux.resources.devices has no rule of type {kind!r} with access {access!r}")
    return DeviceRule(allow, kind, -1 if major is None else major, -1 if minor is None else minor, access)


def compile_devices(entries: Iterable[Section]) -> list[DevicePlan]:
    """The default devices, then those of the spec; one of the same path replaces the earlier."""
    plans = {
        path: DevicePlan(path=path, mode=stat.S_IFCHR | 0o666, major=major, minor=minor, uid=0, gid=0)
        for path, major, minor in _DEFAULT_DEVICES
    }
    for entry in entries:
        with entry:
            path, kind = entry.text("path"), entry.text("type")
            if kind not in _DEVICE_TYPES or not path.startswith("/"):
                raise InvalidArgument(f"linux.devices has no device of type {kind!r} at {path!r}")
            mode = entry.integer("fileMode")
            plans[path] = DevicePlan(
                path=path,
                mode=_DEVICE_TYPES[kind] | (0o666 if mode is None else stat.S_IMODE(mode)),
                major=entry.integer("major") or 0,
                minor=entry.integer("minor") or 0,
                uid=entry.integer("uid") or 0,
                gid=entry.integer("gid") or 0,
            )
    return list(plans.values())


def compile_rlimits(entries: Iterable[Section], explicit: Collection[str], host: HostFacts) -> list[RlimitPlan]:
    """Limits that the host lets ckd set. A default above ckd's own hard limit is lowered to it; one of *explicit*
    (names with or without "RLIMIT_") is refused."""
    named = {name.upper().removeprefix("RLIMIT_") for name in explicit}
    plans: list[RlimitPlan] = []
    for entry in entries:
        with entry:
            name, soft, hard = entry.text("type"), entry.integer("soft"), entry.integer("hard")
        if name not in RLIMITS or soft is None or hard is None:
            raise InvalidArgument(f"process.rlimits has no limit {name!r} with soft {soft!r} and hard {hard!r}")
        short = name.removeprefix("RLIMIT_")
        soft, hard = soft & INFINITY, hard & INFINITY  # -1 says unlimited too
        if soft > hard:
            raise InvalidArgument(f"ulimit {short.lower()}: the soft limit {soft} is above the hard limit {hard}")
        most = INFINITY if host.may_raise_limits else host.hard_limits[name]
        if hard > most:
            if short in named:
                raise InvalidArgument(
                    f"ulimit {short.lower()}: {_said(hard)} is above this host's hard limit of {most}, "
                    "which only CAP_SYS_RESOURCE could raise"
                )
            soft, hard = min(soft, most), most
        plans.append(RlimitPlan(name=name, number=RLIMITS[name], soft=soft, hard=hard))
    return plans


def _said(limit: int) -> str:
    return "unlimited" if limit == INFINITY else str(limit)


def compile_sysctls(values: dict[str, str], new: Collection[str]) -> list[list[str]]:
    """[path below /proc/sys, value] each. *new* are the kinds of namespaces that are not the host's.

    Raises: InvalidArgument for a sysctl that would change the host.
    """
    plans = []
    for name, value in values.items():
        if "/" in name.partition(".")[0]:
            name = name.translate(str.maketrans("./", "/."))  # sysctl(8) takes either for the separator
        if not _SYSCTL_NAME.fullmatch(name):
            raise InvalidArgument(f"{name!r} is not the name of a sysctl")
        kind = _namespace_of(name)
        if not kind:
            raise InvalidArgument(f"sysctl {name!r} is the whole host's: no namespace has its own")
        if kind not in new:
            raise InvalidArgument(f"sysctl {name!r} needs a {kind} namespace that is not the host's")
        # A slash in a name stands for a dot in the file's ("net.ipv4.conf.eth0/1.forwarding").
        plans.append([name.translate(str.maketrans("./", "/.")), value])
    return plans


def _namespace_of(name: str) -> str:
    if name.startswith("net."):
        return "net"
    if name in _UTS_SYSCTLS:
        return "uts"
    return "ipc" if name in _IPC_SYSCTLS or name.startswith("fs.mqueue.") else ""
