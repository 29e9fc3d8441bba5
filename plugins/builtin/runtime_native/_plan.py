"""Compile an OCI runtime spec to the flat plan that the child executes. Pure: no I/O, and the same input, the same
plan.

Whatever the spec asks for that is not done here is refused by name; nothing is ignored.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from ck.kernel.drivers.runtime import Bundle, ExecRequest
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux.cgroup import Layout
from ck.kernel.linux.mount import MS_REC, MS_SLAVE
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._ids import IdMappings, compile_user
from ck.plugins.builtin.runtime_native._mount_options import PROPAGATION
from ck.plugins.builtin.runtime_native._mounts import compile_mounts, compile_root
from ck.plugins.builtin.runtime_native._process import Circumstances, compile_process, encode_filter
from ck.plugins.builtin.runtime_native._resources import GroupPlace, compile_cgroup, compile_devices, compile_sysctls
from ck.plugins.builtin.runtime_native._seccomp import filter_flags, has_filter
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan, DevicePlan, ExecPlan, NamespacePlan, Plan, UserPlan

OLDEST_KERNEL: Final = (5, 14)  # cgroup.kill; openat2, mount_setattr and clone3 into a cgroup are older

ANNOTATION_INIT: Final = "ck.init"
ANNOTATION_EXPLICIT_RLIMITS: Final = "ck.explicit-rlimits"
ANNOTATION_EXPLICIT_CAPABILITIES: Final = "ck.explicit-capabilities"

_NAMESPACE_KINDS: Final = {
    "mount": "mnt",
    "pid": "pid",
    "uts": "uts",
    "ipc": "ipc",
    "network": "net",
    "cgroup": "cgroup",
    "user": "user",
}


def compile_plan(
    bundle: Bundle,
    *,
    rootfs: str,
    host: HostFacts,
    seccomp: bytes | None = None,
    id_maps: Mapping[IdMappings, str] = MappingProxyType({}),
) -> Plan:
    """The plan of a container whose root is made at *rootfs*.

    *seccomp* is the BPF program for the filter that the spec asks for, None where it asks for none
    (`FilterCache.filter_of`). *id_maps* are the files of user namespaces for `wanted_id_maps`.
    Raises: Unsupported, InvalidArgument, each naming what in the spec it is about.
    """
    _check_host(host)
    if (seccomp is None) == has_filter(bundle.spec):
        raise ValueError("the filter does not belong to the spec")
    with Section(bundle.spec) as spec:
        spec.text("ociVersion")
        annotations = spec.mapping("annotations")
        with spec.section("root") as root:
            root.text("path")  # the caller's *rootfs*
            root_read_only = root.flag("readonly")
        hostname, domainname = spec.text("hostname"), spec.text("domainname")
        with spec.section("linux") as linux:
            namespaces = _namespaces(linux.sections("namespaces"))
            user = compile_user(namespaces.pop("user", None), linux)
            linux.anything("seccomp")  # compiled to *seccomp*
            group = place_group(linux.text("cgroupsPath"), bundle.container_id, host)
            propagation = linux.text("rootfsPropagation")
            if propagation and propagation not in PROPAGATION:
                raise InvalidArgument(f"linux.rootfsPropagation cannot be {propagation!r}")
            cgroup = compile_cgroup(linux.section("resources"), group, host)
            sysctls = compile_sysctls(linux.mapping("sysctl"), namespaces)
            devices = compile_devices(linux.sections("devices"))
            masked, readonly = linux.texts("maskedPaths"), linux.texts("readonlyPaths")
        for name, value in (("hostname", hostname), ("domainname", domainname)):
            if value and not _is_new(namespaces, "uts"):
                raise InvalidArgument(f"{name} {value!r} cannot be set: the container has no UTS namespace of its own")
        mounts = compile_mounts(
            spec.sections("mounts"),
            _groups_of(cgroup),
            group.path,
            own_cgroups="cgroup" in namespaces,
            user=user,
            id_maps=id_maps,
        )
        around = Circumstances(
            user=bundle.user,
            groups=bundle.groups,
            size=bundle.size,
            make_cwd=True,
            init=_is_true(annotations, ANNOTATION_INIT),
            explicit_rlimits=_names(annotations, ANNOTATION_EXPLICIT_RLIMITS),
            explicit_capabilities=_names(annotations, ANNOTATION_EXPLICIT_CAPABILITIES),
            seccomp=encode_filter(seccomp),
            seccomp_flags=filter_flags(bundle.spec),
        )
        process = compile_process(spec.section("process"), around, host)
    return Plan(
        container_id=bundle.container_id,
        cgroup=cgroup,
        pid=namespaces.pop("pid", None),
        namespaces=list(namespaces.values()),
        user=user,
        hostname=hostname,
        domainname=domainname,
        sysctls=sysctls,
        rootfs=rootfs,
        root=compile_root(bundle.root),
        root_propagation=PROPAGATION.get(propagation, MS_SLAVE | MS_REC),
        root_read_only=root_read_only,
        mounts=mounts,
        make_dev=not any(mount["type"] == "bind" and mount["target"].rstrip("/") == "/dev" for mount in mounts),
        devices=devices if user is None else [_owned(device, user) for device in devices],
        masked_paths=masked,
        readonly_paths=readonly,
        process=process,
    )


def compile_exec_plan(request: ExecRequest, container: Plan, *, host: HostFacts) -> ExecPlan:
    """The plan of a further process in the running *container*, under that container's seccomp filter.

    Raises: Unsupported, InvalidArgument.
    """
    around = Circumstances(
        user=request.user,
        groups=request.groups,
        size=request.size,
        make_cwd=False,
        seccomp=container["process"]["seccomp"],
        seccomp_flags=container["process"]["seccomp_flags"],
    )
    return ExecPlan(
        container_id=container["container_id"],
        cgroup=container["cgroup"],
        namespaces=[namespace["kind"] for namespace in container["namespaces"]],
        user=container["user"],
        process=compile_process(Section(request.process, "process"), around, host),
    )


def _check_host(host: HostFacts) -> None:
    if host.kernel < OLDEST_KERNEL:
        running, needed = (".".join(map(str, version)) for version in (host.kernel, OLDEST_KERNEL))
        raise Unsupported(f"the native runtime needs Linux {needed} or newer; this is {running}")
    if not host.cgroups.unified:
        raise Unsupported("the native runtime needs cgroup v2, which v1 hosts may have beside it; none is mounted")


def _namespaces(entries: list[Section]) -> dict[str, NamespacePlan]:
    found: dict[str, NamespacePlan] = {}
    for entry in entries:
        with entry:
            name, path = entry.text("type"), entry.text("path")
        if name not in _NAMESPACE_KINDS:
            raise Unsupported(f"the native runtime does not support namespaces of type {name!r}")
        kind = _NAMESPACE_KINDS[name]
        if kind in found:
            raise InvalidArgument(f"linux.namespaces names the type {name!r} twice")
        if path and not path.startswith("/"):
            raise InvalidArgument(f"the path {path!r} of the {name} namespace is not absolute")
        found[kind] = NamespacePlan(kind=kind, path=path)
    if not _is_new(found, "mnt"):
        raise Unsupported(
            "the native runtime needs a new mount namespace: linux.namespaces must name one without a path"
        )
    return found


def _is_new(namespaces: Mapping[str, NamespacePlan], kind: str) -> bool:
    return kind in namespaces and not namespaces[kind]["path"]


def _owned(device: DevicePlan, user: UserPlan) -> DevicePlan:
    """The container's numbers as the host's."""
    return {**device, "uid": user["uid"] + device["uid"], "gid": user["gid"] + device["gid"]}


def _groups_of(cgroup: CgroupPlan) -> Layout:
    """The hierarchies in which the container has a group: v1's cpuset only where it is limited."""
    limited = any(controller == "cpuset" for controller, *_ in cgroup["settings"])
    v1 = {name: point for name, point in cgroup["v1"].items() if limited or name != "cpuset"}
    return Layout(cgroup["unified"], v1, cgroup["parent"])


def place_group(path: str, container_id: str, host: HostFacts) -> GroupPlace:
    """Where linux.cgroupsPath puts the container. Raises: Unsupported."""
    if not path:
        return GroupPlace(host.cgroups.parent, container_id)
    parent, _, name = path.strip("/").rpartition("/")
    if not path.startswith("/") or name != container_id or not parent:
        raise Unsupported(f"the native runtime does not support linux.cgroupsPath {path!r}")
    return GroupPlace(parent, container_id)


def _is_true(annotations: Mapping[str, str], name: str) -> bool:
    value = annotations.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidArgument(f"annotation {name} must be true or false, not {value!r}")
    return value == "true"


def _names(annotations: Mapping[str, str], name: str) -> Collection[str]:
    return [item.strip() for item in annotations.get(name, "").split(",") if item.strip()]
