"""The plan: what ck.plugins.builtin.runtime_native._plan compiles of an OCI runtime spec, and what the child executes.

JSON-shaped and flat, with every decision taken: flags are the kernel's numbers, lists are in the order of execution.
Standard library only, because both sides read it.
"""

from typing import TypedDict


class CgroupPlan(TypedDict):
    """`unified`, `v1` and `parent` are a ck.kernel.linux.cgroup.Layout; `settings` are
    [controller, file, value, option]; `devices` is a BPF program in base64, "" for none."""

    container_id: str
    unified: str
    v1: dict[str, str]
    parent: str
    settings: list[list[str]]
    devices: str


class NamespacePlan(TypedDict):
    """`kind` as in /proc/PID/ns. `path` is "" for a new namespace."""

    kind: str
    path: str


class UserPlan(TypedDict):
    """The users of the container: the file of the user namespace, and what its root is on the host."""

    path: str
    uid: int
    gid: int


class RootMountPlan(TypedDict):
    """One mount(2) at the root file system's place, with `cwd` ("" for any) as working directory. `beneath` are the
    mounts below `cwd` that paths in `data` lead through, the upper ones first."""

    type: str
    source: str
    flags: int
    data: str
    cwd: str
    beneath: list[str]


class MountPlan(TypedDict):
    """One mount inside the root.

    A bind (`type` "bind") copies the mount of `source`, with the mounts below it where `recursive`; any other type is
    mounted with `flags` (MS_*) and `data`. `attributes` are [MOUNT_ATTR_* to add, to drop], `recursive_attributes` the
    same for the mounts below too; `propagation` is a list of MS_* to set in turn. `late_attributes` are added once
    /dev is populated. `links` are [name, target] to make in it. `id_map` is the file of the user namespace that a bind
    shows its IDs by, "" for none; where it need not (`must_map`), a file system that cannot shows them as they are.
    """

    type: str
    source: str
    target: str
    recursive: bool
    flags: int
    data: str
    attributes: list[int]
    recursive_attributes: list[int]
    propagation: list[int]
    late_attributes: int
    links: list[list[str]]
    id_map: str
    must_map: bool


class DevicePlan(TypedDict):
    """A node to make: `mode` with its type bits, as mknod(2) takes it."""

    path: str
    mode: int
    major: int
    minor: int
    uid: int
    gid: int


class TerminalPlan(TypedDict):
    """In characters; 0 where unknown."""

    rows: int
    columns: int


class RlimitPlan(TypedDict):
    """As setrlimit(2) takes it."""

    name: str
    number: int
    soft: int
    hard: int


class CapabilityPlan(TypedDict):
    """Bit masks; `last` is the highest capability that the kernel knows."""

    bounding: int
    effective: int
    permitted: int
    inheritable: int
    ambient: int
    last: int


class ProcessPlan(TypedDict):
    """What is executed, and as whom. `user` and `groups` are resolved in the container; `uid`, `gid` and
    `additional_gids` are what they are where nothing is named. `seccomp` is a BPF program in base64, "" for none;
    `umask` is -1 for the usual one."""

    argv: list[str]
    env: list[str]
    cwd: str
    make_cwd: bool
    user: str
    groups: list[str]
    uid: int
    gid: int
    additional_gids: list[int]
    umask: int
    rlimits: list[RlimitPlan]
    capabilities: CapabilityPlan
    no_new_privileges: bool
    seccomp: str
    seccomp_flags: int
    oom_score_adj: int
    terminal: TerminalPlan | None
    init: bool


class Plan(TypedDict):
    """A container. `pid` is None for the host's PID namespace; `namespaces` are all others that are new or joined, but
    for the user namespace: all is made by the host's root, and only the program is in it."""

    container_id: str
    cgroup: CgroupPlan
    pid: NamespacePlan | None
    namespaces: list[NamespacePlan]
    user: UserPlan | None
    hostname: str
    domainname: str
    sysctls: list[list[str]]
    rootfs: str
    root: list[RootMountPlan]
    root_propagation: int
    root_read_only: bool
    mounts: list[MountPlan]
    make_dev: bool
    devices: list[DevicePlan]
    masked_paths: list[str]
    readonly_paths: list[str]
    process: ProcessPlan


class ExecPlan(TypedDict):
    """A further process. `namespaces` are the kinds to take over from the container's init; `user` as in Plan, its
    `path` of no use."""

    container_id: str
    cgroup: CgroupPlan
    namespaces: list[str]
    user: UserPlan | None
    process: ProcessPlan
