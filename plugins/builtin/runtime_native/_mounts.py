"""The mounts of a spec, and those that make the root, as steps of a plan. Pure."""

import posixpath
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ck.kernel.drivers.storage import RootMount
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux import mount
from ck.kernel.linux.cgroup import Layout
from ck.plugins.builtin.runtime_native._ids import IdMappings, mount_mappings
from ck.plugins.builtin.runtime_native._mount_options import MountOptions, parse_options
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child.plan import MountPlan, RootMountPlan, UserPlan

_TYPES: Final = frozenset({"bind", "tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"})


def compile_root(mounts: Iterable[RootMount]) -> list[RootMountPlan]:
    """The mounts that make the root. Raises: Unsupported for a type other than overlay and bind."""
    plans = []
    for entry in mounts:
        if entry.type not in ("overlay", "bind"):
            raise Unsupported(f"the native runtime cannot make a root of a mount of type {entry.type!r}")
        if entry.type == "bind":
            options = parse_options(("rbind", *entry.options), "/")
            flags, data = options.flags | mount.MS_BIND | mount.MS_REC, ""
        else:
            options = parse_options(entry.options, "/")
            flags, data = options.flags, ",".join(options.data)
        plans.append(
            RootMountPlan(
                type=entry.type,
                source=entry.source,
                flags=flags,
                data=data,
                cwd=entry.cwd or "",
                beneath=list(entry.beneath),
            )
        )
    if not plans:
        raise InvalidArgument("the container has no root: its storage driver named no mount")
    return plans


def compile_mounts(
    entries: Iterable[Section],
    cgroups: Layout,
    group: str,
    *,
    own_cgroups: bool,
    user: UserPlan | None = None,
    id_maps: Mapping[IdMappings, str] = MappingProxyType({}),
) -> list[MountPlan]:
    """The mounts of the spec, in order. *group* is the container's group below each cgroup hierarchy's root;
    *own_cgroups* says whether it has a cgroup namespace; *id_maps* are the files of user namespaces for what mounts
    ask. Raises: Unsupported, InvalidArgument."""
    plans: list[MountPlan] = []
    for entry in entries:
        with entry:
            target, source, kind = entry.text("destination"), entry.text("source"), entry.text("type")
            if not target.startswith("/"):
                raise InvalidArgument(f"the mount destination {target!r} is not an absolute path")
            options = parse_options(entry.texts("options"), target)
            mappings = mount_mappings(entry)
        if options.bind or kind == "bind":
            id_map = _id_map(target, options, mappings, user, id_maps)
            plans.append(_bind(source, target, options, id_map, must_map=bool(mappings)))
        elif mappings or options.id_mapped:
            raise Unsupported(f"the native runtime maps the IDs of bind mounts alone, not of the {kind} at {target!r}")
        elif kind not in _TYPES:
            raise Unsupported(f"the native runtime does not support the type {kind!r} of the mount at {target!r}")
        elif kind in ("cgroup", "cgroup2"):
            plans += _cgroup(target, options, cgroups, group, own_cgroups=own_cgroups)
        else:
            plans.append(_file_system(kind, source or kind, target, options, user))
    return plans


def _id_map(
    target: str,
    options: MountOptions,
    mappings: IdMappings,
    user: UserPlan | None,
    id_maps: Mapping[IdMappings, str],
) -> str:
    """The file of the user namespace by which a bind shows its IDs, "" where it shows them as they are."""
    if mappings:
        return id_maps[mappings]
    if options.id_mapped and user is None:
        raise InvalidArgument(f"the bind mount at {target!r} cannot be mapped: the container has the host's users")
    return user["path"] if options.id_mapped and user else ""


def _bind(source: str, target: str, options: MountOptions, id_map: str, *, must_map: bool) -> MountPlan:
    if not source.startswith("/"):
        raise InvalidArgument(f"the source {source!r} of the bind mount at {target!r} is not an absolute path")
    if options.data:
        raise InvalidArgument(f"the bind mount at {target!r} has no option {options.data[0]!r}")
    return _plan(
        "bind",
        source,
        target,
        # OCI: a mount of type "bind" without an option that says which is not recursive.
        recursive=options.recursive_bind,
        attributes=options.changes(),
        recursive_attributes=[options.recursive_add, options.recursive_drop],
        propagation=options.propagation,
        id_map=id_map,
        must_map=must_map,
    )


def _file_system(kind: str, source: str, target: str, options: MountOptions, user: UserPlan | None) -> MountPlan:
    flags, late = options.flags, 0
    if kind == "tmpfs" and posixpath.normpath(target) == "/dev" and flags & mount.MS_RDONLY:
        # The device nodes have yet to be made in it.
        flags, late = flags & ~mount.MS_RDONLY, mount.MOUNT_ATTR_RDONLY
    return _plan(
        kind,
        source,
        target,
        flags=flags,
        data=",".join(options.data if user is None else [_owned(option, user) for option in options.data]),
        recursive_attributes=[options.recursive_add, options.recursive_drop],
        propagation=options.propagation,
        late_attributes=late,
    )


def _owned(option: str, user: UserPlan) -> str:
    """ "uid=5" and "gid=5" are the container's numbers, which the kernel takes for the host's."""
    name, _, value = option.partition("=")
    if name in ("uid", "gid") and value.isdecimal():
        return f"{name}={(user['uid'] if name == 'uid' else user['gid']) + int(value)}"
    return option


def _cgroup(target: str, options: MountOptions, layout: Layout, group: str, *, own_cgroups: bool) -> list[MountPlan]:
    """The container's own part of the hierarchies that ck puts it into."""
    if options.data:
        raise Unsupported(
            f"the native runtime does not support the option {options.data[0]!r} of the mount at {target!r}"
        )
    if not layout.v1:
        # Without a cgroup namespace /proc/self/cgroup counts from the host's root, so paths fit only there.
        source = posixpath.join(layout.unified, group) if own_cgroups else layout.unified
        return [_cgroup_part(source, target, options)]
    names = {point: posixpath.basename(point) for point in layout.v1.values()} | {layout.unified: "unified"}
    links = [[controller, names[point]] for controller, point in layout.v1.items() if names[point] != controller]
    flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
    top = _plan(
        "tmpfs",
        "cgroup",
        target,
        flags=flags,
        data="mode=755",
        propagation=options.propagation,
        late_attributes=options.attributes & mount.MOUNT_ATTR_RDONLY,
        links=links,
    )
    return [
        top,
        *(_cgroup_part(posixpath.join(p, group), posixpath.join(target, n), options) for p, n in names.items()),
    ]


def _cgroup_part(source: str, target: str, options: MountOptions) -> MountPlan:
    return _plan("bind", source, target, attributes=options.changes(), propagation=options.propagation)


def _plan(
    kind: str,
    source: str,
    target: str,
    *,
    recursive: bool = False,
    flags: int = 0,
    data: str = "",
    attributes: list[int] | None = None,
    recursive_attributes: list[int] | None = None,
    propagation: list[int] | None = None,
    late_attributes: int = 0,
    links: list[list[str]] | None = None,
    id_map: str = "",
    must_map: bool = False,
) -> MountPlan:
    return MountPlan(
        type=kind,
        source=source,
        target=target,
        recursive=recursive,
        flags=flags,
        data=data,
        attributes=attributes or [0, 0],
        recursive_attributes=recursive_attributes or [0, 0],
        propagation=list(propagation or ()),
        late_attributes=late_attributes,
        links=links or [],
        id_map=id_map,
        must_map=must_map,
    )
