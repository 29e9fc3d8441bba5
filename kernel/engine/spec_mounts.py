"""The mounts of a run, as the OCI runtime spec says them. Pure."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs

from ck.kernel.api.container import Container, HostConfig, IdRange
from ck.kernel.engine.cdi import Edits
from ck.kernel.engine.mounts import clean_target, mount_order
from ck.kernel.engine.names import container_of
from ck.kernel.engine.users import Mappings, owner_mappings

DEFAULT_SHM: Final = 64 << 20


@attrs.frozen(kw_only=True)
class Bind:
    """A mount whose source is known: a bind, or a volume's directory, or a tmpfs (source "")."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = "rprivate"
    recursive: bool = True
    writable_below: bool = False  # what is mounted below the source stays writable where the bind is read-only
    owner: tuple[int, int] | None = None  # uid and gid on disk of what is root's in the container
    owner_alone: bool = False  # and nothing can be made there that is anybody else's
    tree: int | None = None  # a detached mount, which the caller closes; `source` is its path
    tmpfs: tuple[str, ...] | None = None


def spec_mounts(container: Container, binds: Sequence[Bind], edits: Edits, ipc_root: str) -> list[dict[str, Any]]:
    """The `mounts` of the spec, in order: the engine's own but for what the user's would hide, then the user's, those
    that stand on others last.
    *ipc_root* is the root in which an IPC namespace that is joined has its /dev/shm."""
    host = container.host_config
    system_access = "rw" if host.privileged else "ro"
    mounts = [
        _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"
        ),
        _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", system_access),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", system_access, "nosuid", "noexec", "nodev"),
        *_ipc_mounts(host, ipc_root),
    ]
    users = [_user_mount(bind, container.users) for bind in binds]
    users += [
        _mount(edit.target, edit.type or "bind", edit.source, *(edit.options or ("rbind", "ro")))
        for edit in edits.mounts
    ]
    for target, options in host.tmpfs.items():
        given = [option for option in options.split(",") if option]
        users.append(_mount(clean_target(target), "tmpfs", "tmpfs", "noexec", "nosuid", "nodev", *given))
    taken = {mount["destination"] for mount in users}
    for target, path in (
        ("/etc/resolv.conf", container.resolv_conf_path),
        ("/etc/hostname", container.hostname_path),
        ("/etc/hosts", container.hosts_path),
    ):
        if target not in taken and path:
            access = "ro" if host.readonly_rootfs else "rw"
            users.append(_mount(target, "bind", path, "bind", access, "rprivate", *_mapped(container.users)))
    users.sort(key=lambda mount: mount_order(mount["destination"]))
    return [mount for mount in mounts if not _is_hidden(mount["destination"], taken)] + users


def _is_hidden(target: str, by: Collection[str]) -> bool:
    return any(target == other or target.startswith(f"{other}/") for other in by)


def has_own_shm(host: HostConfig) -> bool:
    """Whether it gets a /dev/shm, and not that of whose IPC namespace it joins."""
    return host.ipc_mode not in ("none", "host") and container_of(host.ipc_mode) is None


def _ipc_mounts(host: HostConfig, ipc_root: str) -> list[dict[str, Any]]:
    if host.ipc_mode == "none":
        return []
    # Each IPC namespace has one file system of message queues, which every mount within it shows (mq_overview(7)).
    queues = _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
    if ipc_root:
        root = ipc_root.rstrip("/")
        return [_mount("/dev/shm", "bind", f"{root}/dev/shm", "bind", "rw", "rprivate"), queues]
    size = host.shm_size or DEFAULT_SHM
    return [_mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", f"size={size}"), queues]


def _mapped(users: IdRange | None) -> list[str]:
    """IDs on disk are the container's own, whichever the host's it has."""
    return [] if users is None else ["idmap"]


def _user_mount(bind: Bind, users: IdRange | None) -> dict[str, Any]:
    if bind.tmpfs is not None:
        access = ["ro"] if bind.read_only else []
        return _mount(bind.target, "tmpfs", "tmpfs", "noexec", "nosuid", "nodev", *bind.tmpfs, *access)
    how = "rbind" if bind.recursive else "bind"
    options = (how, _access(bind), bind.propagation)
    if bind.owner is not None:
        mappings = mapping_members(owner_mappings(bind.owner, users, alone=bind.owner_alone))
        return _mount(bind.target, "bind", bind.source, *options) | mappings
    return _mount(bind.target, "bind", bind.source, *options, *_mapped(users))


def _access(bind: Bind) -> str:
    if not bind.read_only:
        return "rw"
    return "rro" if bind.recursive and not bind.writable_below else "ro"


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def root_propagation(binds: Sequence[Bind]) -> str:
    """A bind that shares mounts with the host needs a root that does (mount_namespaces(7))."""
    asked = {bind.propagation for bind in binds}
    if asked & {"shared", "rshared"}:
        return "rshared"
    return "rslave" if asked & {"slave", "rslave"} else "rprivate"


def mapping_members(mappings: Mappings) -> dict[str, Any]:
    """uidMappings and gidMappings, of linux or of a mount."""
    return {
        key: [{"containerID": each.inside, "hostID": each.outside, "size": each.size} for each in part]
        for key, part in (("uidMappings", mappings.users), ("gidMappings", mappings.groups))
    }
