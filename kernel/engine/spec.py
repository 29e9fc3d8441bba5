"""From a container to the OCI runtime spec that describes its run. Pure: all that must be looked up is in Facts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.api.container import Container, ContainerConfig, HostConfig, IdRange
from ck.kernel.engine.capabilities import choose
from ck.kernel.engine.cdi import NO_EDITS, Edits
from ck.kernel.engine.devices import ALLOW_ALL, DEFAULT_RULES, Device, parse_rule
from ck.kernel.engine.limits import BlockRate, resources_object
from ck.kernel.engine.security import SecurityOptions, parse_security_options, seccomp_object
from ck.kernel.engine.spec_mounts import DEFAULT_SHM, Bind, has_own_shm, mapping_members, root_propagation, spec_mounts
from ck.kernel.engine.users import container_mappings
from ck.kernel.errors import InvalidArgument

OCI_VERSION: Final = "1.2.0"
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

MASKED_PATHS: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_ULIMITS: Final = frozenset(
    "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)
_DEFAULT_NOFILE: Final = (1024, 524288)  # systemd's, and Docker's under it: select(2) stays safe, servers may raise it
_CGROUP_NAME: Final = re.compile(r"[A-Za-z0-9_.:@\\-]{1,200}")
_IPC_SYSCTLS: Final = frozenset(
    f"kernel.{name}" for name in "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced".split()
)


@attrs.frozen(kw_only=True)
class Facts:
    """What the compiler must be told.

    Namespace paths are "" for a new namespace, "host" for the host's, else a file.
    """

    root: str  # where the runtime shall make the root
    capabilities: frozenset[str]  # of the engine itself
    machine: str  # uname(2)
    release: str  # the kernel's, also of uname(2)
    binds: tuple[Bind, ...] = ()
    devices: tuple[Device, ...] = ()
    rates: tuple[BlockRate, ...] = ()
    edits: Edits = NO_EDITS
    network_namespace: str = ""
    own_network: bool = True  # that namespace is the container's alone
    pid_namespace: str = ""
    ipc_namespace: str = ""
    uts_namespace: str = ""
    user_namespace: str = ""  # "" for the host's
    ipc_root: str = ""  # the root in which an IPC namespace that is joined has its /dev/shm


def build_spec(container: Container, facts: Facts) -> dict[str, Any]:
    """The config.json of a run.

    Raises: InvalidArgument, Unsupported for options that contradict each other or the host.
    """
    host = container.host_config
    security = parse_security_options(host.security_opt, privileged=host.privileged)
    capabilities = choose(host.cap_add, host.cap_drop, privileged=host.privileged, host=facts.capabilities)
    annotations = {**host.annotations, "ck.init": "true" if host.init else "false"}
    linux: dict[str, Any] = {
        "namespaces": _namespaces(host, facts),
        **_id_mappings(container.users),
        "devices": [device.node() for device in facts.devices],
        "resources": resources_object(host, _device_rules(host, facts.devices), facts.rates),
        "cgroupsPath": cgroups_path(host.cgroup_parent, container.id),
        "sysctl": _sysctls(host, facts),
        "maskedPaths": _paths(host.masked_paths, MASKED_PATHS, host.privileged or security.unmasked),
        "readonlyPaths": _paths(host.readonly_paths, READONLY_PATHS, host.privileged or security.unmasked),
        "rootfsPropagation": root_propagation(facts.binds),
    }
    if security.seccomp == "default":
        annotations["ck.seccomp"] = "default"
    elif security.seccomp != "unconfined":
        linux["seccomp"] = seccomp_object(security.seccomp, capabilities, facts.machine, facts.release)
    rlimits, explicit = _rlimits(host)
    annotations["ck.explicit-rlimits"] = ",".join(explicit)
    process = build_process(container.config, capabilities, security, container)
    process.update(args=[container.path, *container.args], rlimits=rlimits, oomScoreAdj=host.oom_score_adj)
    process["env"] = [*process["env"], *facts.edits.env]
    if facts.edits.groups:
        process["user"] = {**process["user"], "additionalGids": list(facts.edits.groups)}
    return {
        "ociVersion": OCI_VERSION,
        "root": {"path": facts.root, "readonly": host.readonly_rootfs},
        "hostname": container.config.hostname if facts.uts_namespace == "" else "",
        "domainname": container.config.domainname if facts.uts_namespace == "" else "",
        "process": process,
        "mounts": spec_mounts(container, facts.binds, facts.edits, facts.ipc_root),
        "linux": linux,
        "annotations": annotations,
    }


def build_process(
    config: ContainerConfig, capabilities: Sequence[str], security: SecurityOptions, container: Container
) -> dict[str, Any]:
    """The `process` object but for its arguments, as a container and its exec sessions share it."""
    held = list(capabilities)
    return {
        "terminal": config.tty,
        "cwd": config.working_dir or "/",
        # What is built is to know nothing of where that was.
        "env": base_env(config, "" if container.throwaway else container.config.hostname),
        "user": {"uid": 0, "gid": 0},
        "capabilities": {"bounding": held, "effective": held, "permitted": held},
        "noNewPrivileges": security.no_new_privileges,
    }


def base_env(config: ContainerConfig, hostname: str) -> list[str]:
    """PATH, HOSTNAME (not for a *hostname* of "") and TERM where the container's own environment says nothing.

    HOME is the runtime's, from /etc/passwd.
    """
    given = {entry.partition("=")[0] for entry in config.env}
    defaults = [f"PATH={DEFAULT_PATH}"]
    defaults += [f"HOSTNAME={hostname}"] if hostname else []
    defaults += ["TERM=xterm"] if config.tty else []
    return [entry for entry in defaults if entry.partition("=")[0] not in given] + list(config.env)


def cgroups_path(parent: str, container_id: str) -> str:
    """The spec's linux.cgroupsPath for a `--cgroup-parent`: a path below the root of the hierarchies,
    "slice:prefix:name" for a systemd slice (as runc has it), or "" to leave it to the runtime. Raises:
    InvalidArgument."""
    if not parent:
        return ""
    if parent.endswith(".slice") and "/" not in parent:
        return f"{parent}:ck:{container_id}"
    names = [name for name in parent.split("/") if name]
    if not names or not all(_CGROUP_NAME.fullmatch(name) for name in names) or {".", ".."} & set(names):
        raise InvalidArgument(f"invalid cgroup parent {parent!r}: it is a path such as /a/b, or a systemd slice")
    return "/" + "/".join([*names, container_id])


def _namespaces(host: HostConfig, facts: Facts) -> list[dict[str, str]]:
    wanted = {
        "mount": "",
        "pid": facts.pid_namespace,
        "network": facts.network_namespace,
        "ipc": facts.ipc_namespace,
        "uts": facts.uts_namespace,
        "cgroup": host.cgroupns_mode if host.cgroupns_mode == "host" else "",
    }
    own = [{"type": kind, "path": path} if path else {"type": kind} for kind, path in wanted.items() if path != "host"]
    return [*own, {"type": "user", "path": facts.user_namespace}] if facts.user_namespace else own


def _id_mappings(users: IdRange | None) -> dict[str, Any]:
    return {} if users is None else mapping_members(container_mappings(users))


def settled(host: HostConfig) -> HostConfig:
    """*host* with what it leaves open said: to ask for the result means the same. Raises as build_spec."""
    unconfined = host.privileged or parse_security_options(host.security_opt, privileged=host.privileged).unmasked
    return attrs.evolve(
        host,
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or "private",
        shm_size=host.shm_size or (DEFAULT_SHM if has_own_shm(host) else 0),
        masked_paths=tuple(_paths(host.masked_paths, MASKED_PATHS, unconfined)),
        readonly_paths=tuple(_paths(host.readonly_paths, READONLY_PATHS, unconfined)),
    )


def _paths(asked: Sequence[str] | None, default: Sequence[str], unconfined: bool) -> list[str]:
    if asked is not None:
        return list(asked)
    return [] if unconfined else list(default)


def _device_rules(host: HostConfig, devices: Sequence[Device]) -> list[dict[str, Any]]:
    rules = [ALLOW_ALL] if host.privileged else [*DEFAULT_RULES, *(device.rule() for device in devices)]
    return rules + [parse_rule(rule) for rule in host.device_cgroup_rules]


_WHOSE: Final = {"": "", "host": "the host's"}  # by a namespace in Facts


def _sysctls(host: HostConfig, facts: Facts) -> Mapping[str, str]:
    for name in host.sysctls:
        if name in _IPC_SYSCTLS or name.startswith("fs.mqueue."):
            if whose := _WHOSE.get(facts.ipc_namespace, "another container's"):
                raise InvalidArgument(f"sysctl {name!r} is not allowed in {whose} IPC namespace")
        elif name.startswith("net."):
            # Another container's is the host's where that one has the host's network.
            own = facts.own_network and facts.network_namespace != "host"
            if whose := "" if own else _WHOSE.get(facts.network_namespace, "another container's"):
                raise InvalidArgument(f"sysctl {name!r} is not allowed in {whose} network namespace")
        else:
            raise InvalidArgument(f"sysctl {name!r} is not in a separate kernel namespace")
    if not facts.own_network:
        return dict(host.sysctls)
    # A network of its own has no ports and no ICMP to guard from its own users.
    harmless = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
    return {**harmless, **host.sysctls}


def _rlimits(host: HostConfig) -> tuple[list[dict[str, Any]], list[str]]:
    limits = {"RLIMIT_NOFILE": _DEFAULT_NOFILE}
    explicit: list[str] = []
    for ulimit in host.ulimits:
        if ulimit.name not in _ULIMITS:
            raise InvalidArgument(f"invalid ulimit type {ulimit.name!r}")
        if ulimit.hard != -1 and (ulimit.soft > ulimit.hard or ulimit.soft == -1):
            raise InvalidArgument(
                f"ulimit {ulimit.name}: soft limit {ulimit.soft} is greater than hard limit {ulimit.hard}"
            )
        kind = f"RLIMIT_{ulimit.name.upper()}"
        limits[kind] = (ulimit.soft, ulimit.hard)
        explicit.append(kind)
    return [{"type": kind, "soft": soft, "hard": hard} for kind, (soft, hard) in limits.items()], explicit
