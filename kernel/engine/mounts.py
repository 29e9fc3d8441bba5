"""Which mounts a container has: `-v`, `--mount`, `--volumes-from` and the image's volumes made into one list. Pure."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ck.kernel.api.container import Container, HostConfig, MountPoint, MountRequest
from ck.kernel.errors import InvalidArgument

PROPAGATIONS: Final = frozenset({"rprivate", "private", "rshared", "shared", "rslave", "slave"})
_CONSISTENCIES: Final = frozenset({"consistent", "cached", "delegated", "default", ""})
_PROC_FILES: Final = frozenset(
    f"/proc/{name}"
    for name in (
        "cpuinfo diskstats loadavg meminfo slabinfo stat swaps uptime sys/kernel/ns_last_pid sys/crypto/fips_enabled"
    ).split()
)
"""Of /proc, what may be covered, as lxcfs does (runc, libcontainer/rootfs_linux.go, checkProcMount)."""

_VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


@attrs.frozen(kw_only=True)
class Wanted:
    """One mount before volumes are made and sources are looked at. `source` "" with type volume is an anonymous one."""

    request: MountRequest
    mode: str = ""  # as typed, for inspect
    inherited: MountPoint | None = None  # by --volumes-from


def wanted_mounts(
    host: HostConfig, image_volumes: Sequence[str], others: Mapping[str, Container]
) -> tuple[Wanted, ...]:
    """All mounts, by destination. *others* are the containers that `--volumes-from` names, by the name used there.

    `-v` and `--mount` win over `--volumes-from`, and all of them over the image's volumes.
    Raises: InvalidArgument for a malformed or doubled one, and for one that would hide what the kernel tells in /proc.
    """
    chosen: dict[str, Wanted] = {}
    for entry in host.volumes_from:
        chosen.update((mount.request.target, mount) for mount in _from_container(entry, others))
    explicit: dict[str, Wanted] = {}
    asked = [parse_bind(bind, host.volume_driver) for bind in host.binds]
    asked += [Wanted(request=check_mount(mount)) for mount in host.mounts]
    for mount in asked:
        if mount.request.target in explicit:
            raise InvalidArgument(f"duplicate mount point: {mount.request.target}")
        explicit[mount.request.target] = mount
    for target in host.tmpfs:
        if clean_target(target) in explicit:
            raise InvalidArgument(f"duplicate mount point: {target}")
    chosen.update(explicit)
    for volume in image_volumes:
        target = clean_target(volume)
        if target not in chosen and target not in {clean_target(each) for each in host.tmpfs}:
            request = MountRequest(type="volume", target=target, volume_driver=host.volume_driver)
            chosen[target] = Wanted(request=request)
    for target in host.tmpfs:
        _check_place(clean_target(target), "tmpfs")
    for target, mount in chosen.items():
        _check_place(target, mount.request.type)
    return tuple(sorted(chosen.values(), key=lambda mount: mount_order(mount.request.target)))


def _check_place(target: str, kind: str) -> None:
    if target == "/proc" and kind == "bind":
        return  # of a procfs, which cannot be told here
    if target == "/proc" or (target.startswith("/proc/") and target not in _PROC_FILES):
        raise InvalidArgument(f"nothing can be mounted at {target}: /proc is the kernel's")


def mount_order(target: str) -> tuple[int, str]:
    """A key by which a mount comes after those that it stands on."""
    return target.rstrip("/").count("/"), target


def parse_bind(text: str, volume_driver: str = "") -> Wanted:
    """`-v SOURCE:TARGET[:OPTIONS]` or `-v TARGET`; a source that is no absolute path is a volume's name."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise InvalidArgument(f"invalid volume specification: {text!r}")
    if len(parts) == 1:
        request = MountRequest(type="volume", target=clean_target(parts[0]), volume_driver=volume_driver)
        return Wanted(request=request)
    source, target, mode = parts[0], clean_target(parts[1]), parts[2] if len(parts) == 3 else ""
    kind = "bind" if source.startswith("/") else "volume"
    if kind == "volume" and not _VOLUME_NAME.fullmatch(source):
        raise InvalidArgument(
            f"{source!r} in {text!r} is neither an absolute path nor a volume name ([a-zA-Z0-9][a-zA-Z0-9_.-]+)"
        )
    read_only, propagation, no_copy, id_map = _parse_mode(mode, kind, text)
    request = MountRequest(
        type=kind,
        source=posixpath.normpath(source) if kind == "bind" else source,
        target=target,
        read_only=read_only,
        propagation=propagation,
        no_copy=no_copy,
        id_map=id_map,
        create_source=kind == "bind",
        volume_driver=volume_driver if kind == "volume" else "",
    )
    return Wanted(request=request, mode=mode)


def _parse_mode(mode: str, kind: str, text: str) -> tuple[bool, str, bool, bool]:
    seen: dict[str, str] = {}
    for option in filter(None, mode.split(",")):
        if option in ("ro", "rw"):
            group = "access"
        elif option in PROPAGATIONS and kind == "bind":
            group = "propagation"
        elif option == "idmap" and kind == "bind":
            group = "owner"
        elif option == "nocopy" and kind == "volume":
            group = "copy"
        elif option in _CONSISTENCIES:
            group = "consistency"
        elif option in ("z", "Z"):
            group = "label"  # SELinux relabelling: nothing to do without SELinux, as in Docker
        else:
            raise InvalidArgument(f"invalid mode {mode!r} in volume specification {text!r}")
        if group in seen:
            raise InvalidArgument(f"invalid mode {mode!r} in volume specification {text!r}: two of one kind")
        seen[group] = option
    return seen.get("access") == "ro", seen.get("propagation", ""), "copy" in seen, "owner" in seen


def clean_target(target: str) -> str:
    """An absolute container path, normalized. Raises: InvalidArgument also for "/" itself."""
    if not target.startswith("/"):
        raise InvalidArgument(f"invalid mount path {target!r}: it must be absolute")
    clean = posixpath.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument("invalid mount path '/': the destination cannot be the root")
    if "\0" in clean:
        raise InvalidArgument(f"invalid mount path {target!r}: it holds a NUL byte")
    return clean


def check_mount(mount: MountRequest) -> MountRequest:
    """A `--mount`, normalized. Raises: InvalidArgument for fields that do not fit its type."""
    target = clean_target(mount.target)
    if mount.type not in ("bind", "volume", "tmpfs"):
        raise InvalidArgument(f"mount type unknown: {mount.type!r}")
    if mount.consistency not in _CONSISTENCIES:
        raise InvalidArgument(f"invalid mount consistency {mount.consistency!r}")
    foreign = {
        "bind": ("no_copy", "subpath", "volume_driver", "tmpfs_size", "tmpfs_mode"),
        "volume": ("propagation", "non_recursive", "writable_below", "id_map", "tmpfs_size", "tmpfs_mode"),
        "tmpfs": (
            "source",
            "propagation",
            "non_recursive",
            "writable_below",
            "id_map",
            "no_copy",
            "subpath",
            "volume_driver",
        ),
    }[mount.type]
    for field in foreign:
        if getattr(mount, field):
            raise InvalidArgument(
                f"a {mount.type} mount takes no {field.replace('_', '-')} ({getattr(mount, field)!r})"
            )
    if mount.type == "bind":
        if not mount.source.startswith("/"):
            raise InvalidArgument(f"invalid bind source {mount.source!r}: it must be an absolute path")
        if mount.propagation and mount.propagation not in PROPAGATIONS:
            raise InvalidArgument(f"invalid propagation {mount.propagation!r}")
        return attrs.evolve(mount, target=target, source=posixpath.normpath(mount.source))
    if mount.type == "volume" and mount.source and not _VOLUME_NAME.fullmatch(mount.source):
        raise InvalidArgument(f"invalid volume name {mount.source!r}: it must be [a-zA-Z0-9][a-zA-Z0-9_.-]+")
    if mount.subpath and (mount.subpath.startswith("/") or ".." in mount.subpath.split("/")):
        raise InvalidArgument(f"invalid volume subpath {mount.subpath!r}: it must stay below the volume")
    return attrs.evolve(mount, target=target)


def _from_container(entry: str, others: Mapping[str, Container]) -> list[Wanted]:
    name, mode = split_volumes_from(entry)
    found = []
    for mount in others[name].mounts:
        if mount.type == "tmpfs":
            continue
        request = MountRequest(
            type=mount.type,
            source=mount.name if mount.type == "volume" else mount.source,
            target=mount.destination,
            read_only=mode == "ro" or not mount.read_write,
            propagation=mount.propagation if mount.type == "bind" else "",
            non_recursive=mount.non_recursive,
            writable_below=mount.writable_below,
            no_copy=mount.type == "volume",
            subpath=mount.subpath,
            volume_driver=mount.driver,
        )
        found.append(Wanted(request=request, mode=mode, inherited=mount))
    return found


def split_volumes_from(entry: str) -> tuple[str, str]:
    """`NAME[:ro|rw]`. Raises: InvalidArgument."""
    name, colon, mode = entry.partition(":")
    if not name or (colon and mode not in ("ro", "rw", "z", "Z")):
        raise InvalidArgument(f"invalid --volumes-from {entry!r}: expected CONTAINER[:ro|rw]")
    return name, mode
