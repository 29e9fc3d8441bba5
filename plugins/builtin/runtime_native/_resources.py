"""Limits, rlimits, devices and sysctls of a spec, as steps of a plan. Pure."""

import base64
import re
import stat
from collections.abc import Collection, Iterable
from typing import Final

from ck.kernel.errors import InvalidArgument
from ck.kernel.linux.cgroup import DeviceRule, Limits, settings
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
_DEVICE_TYPES: Final = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}

# Which namespace a sysctl belongs to (Documentation/admin-guide/sysctl); only those of a namespace of its own are the
# container's to set.
_IPC_SYSCTLS: Final = frozenset(
    "kernel." + name
    for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced", "msg_next_id")
)
_UTS_SYSCTLS: Final = frozenset({"kernel.hostname", "kernel.domainname"})
_SYSCTL_NAME: Final = re.compile(r"[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)+")


def compile_cgroup(resources: Section, container_id: str, host: HostFacts) -> CgroupPlan:
    """The container's group, its limits and the devices it may use."""
    with resources:
        rules = [_device_rule(entry) for entry in resources.sections("devices")]
        with resources.section("memory") as memory:
            limit, swap, reservation = (memory.integer(key) or None for key in ("limit", "swap", "reservation"))
        with resources.section("cpu") as cpu:
            shares, quota, period = (cpu.integer(key) or None for key in ("shares", "quota", "period"))
        with resources.section("pids") as pids_section:
            pids = pids_section.integer("limit")
    if limit is not None and swap is not None and 0 <= swap < limit:
        raise InvalidArgument(f"memory and swap together ({swap}) cannot be less than memory alone ({limit})")
    limits = Limits(
        memory=limit,
        memory_swap=swap,
        memory_reservation=reservation,
        pids=pids if pids is None or pids > 0 else -1,
        cpu_shares=shares,
        cpu_quota=quota,
        cpu_period=period,
    )
    allowed = [DeviceRule(True, "c", major, minor, "rwm") for _, major, minor in _DEFAULT_DEVICES]
    allowed += [DeviceRule(True, "c", *numbers, "rwm") for numbers in (_CONSOLE, _PTMX, (_PTS_MAJOR, -1))]
    # v1 gives each controller a hierarchy of its own, or leaves it to v2: what decides is where it is.
    wanted = [
        setting
        for v1 in (True, False)
        for setting in settings(limits, v1=v1)
        if (setting.controller in host.cgroups.v1) == v1
    ]
    return CgroupPlan(
        container_id=container_id,
        unified=host.cgroups.unified,
        v1=dict(host.cgroups.v1),
        settings=[list(setting) for setting in wanted],
        devices=base64.b64encode(compile_rules([*rules, *allowed]) or b"").decode(),
    )


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
