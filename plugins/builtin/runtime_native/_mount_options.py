"""Mount options of the OCI runtime spec (config.md, "Linux mount options") as the kernel's numbers. Pure."""

from collections.abc import Iterable
from typing import Final

import attrs

from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.linux import mount

_SUPERBLOCK_FLAGS: Final = {
    "sync": mount.MS_SYNCHRONOUS,
    "dirsync": mount.MS_DIRSYNC,
    "lazytime": mount.MS_LAZYTIME,
    "mand": mount.MS_MANDLOCK,
    "silent": mount.MS_SILENT,
}
_SUPERBLOCK_OPPOSITES: Final = {
    "async": mount.MS_SYNCHRONOUS,
    "nolazytime": mount.MS_LAZYTIME,
    "nomand": mount.MS_MANDLOCK,
    "loud": mount.MS_SILENT,
}
# What each mount of a file system has for itself: (MS_*, MOUNT_ATTR_*).
_MOUNT_FLAGS: Final = {
    "ro": (mount.MS_RDONLY, mount.MOUNT_ATTR_RDONLY),
    "nosuid": (mount.MS_NOSUID, mount.MOUNT_ATTR_NOSUID),
    "nodev": (mount.MS_NODEV, mount.MOUNT_ATTR_NODEV),
    "noexec": (mount.MS_NOEXEC, mount.MOUNT_ATTR_NOEXEC),
    "nodiratime": (mount.MS_NODIRATIME, mount.MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (mount.MS_NOSYMFOLLOW, mount.MOUNT_ATTR_NOSYMFOLLOW),
}
_MOUNT_OPPOSITES: Final = {
    "rw": "ro",
    "suid": "nosuid",
    "dev": "nodev",
    "exec": "noexec",
    "diratime": "nodiratime",
    "symfollow": "nosymfollow",
}
# Access times are one field of three values, not flags.
_ACCESS_TIMES: Final = {
    "relatime": (mount.MS_RELATIME, mount.MOUNT_ATTR_RELATIME),
    "noatime": (mount.MS_NOATIME, mount.MOUNT_ATTR_NOATIME),
    "strictatime": (mount.MS_STRICTATIME, mount.MOUNT_ATTR_STRICTATIME),
}
_ACCESS_TIME_FLAGS: Final = mount.MS_RELATIME | mount.MS_NOATIME | mount.MS_STRICTATIME
_ACCESS_TIME_OPPOSITES: Final = frozenset({"atime", "norelatime", "nostrictatime"})
PROPAGATION: Final = {
    "private": mount.MS_PRIVATE,
    "rprivate": mount.MS_PRIVATE | mount.MS_REC,
    "slave": mount.MS_SLAVE,
    "rslave": mount.MS_SLAVE | mount.MS_REC,
    "shared": mount.MS_SHARED,
    "rshared": mount.MS_SHARED | mount.MS_REC,
    "unbindable": mount.MS_UNBINDABLE,
    "runbindable": mount.MS_UNBINDABLE | mount.MS_REC,
}
_UNSUPPORTED: Final = frozenset({"remount", "tmpcopyup"})


@attrs.define
class MountOptions:
    """Options sorted by what they become. `id_mapped` binds show IDs on disk as the container's. `recursive` attributes
    are [to add, to drop]; `data` is the file system's own."""

    bind: bool = False
    recursive_bind: bool = False
    id_mapped: bool = False
    flags: int = 0
    attributes: int = 0
    access_time: int | None = None
    recursive_add: int = 0
    recursive_drop: int = 0
    propagation: list[int] = attrs.field(factory=list)
    data: list[str] = attrs.field(factory=list)

    def changes(self) -> list[int]:
        """MOUNT_ATTR_* [to add, to drop] for the one mount."""
        if self.access_time is None:
            return [self.attributes, 0]
        return [self.attributes | self.access_time, mount.MOUNT_ATTR_ATIME]


def parse_options(options: Iterable[str], target: str) -> MountOptions:
    """Sort *options* of the mount at *target*; a later one overrides an earlier opposite.

    "rw", "suid", "dev" and the like take back what the list said before; they lift nothing that the source of a bind
    has of its own, as with mount(8). Their recursive forms ("rrw") do. Raises: Unsupported, InvalidArgument.
    """
    result = MountOptions()
    superblock_only = ""
    for option in options:
        if option in _UNSUPPORTED:
            raise Unsupported(f"the native runtime does not support the option {option!r} of the mount at {target!r}")
        if option in ("idmap", "ridmap"):
            result.id_mapped = True
        elif option in ("bind", "rbind"):
            result.bind, result.recursive_bind = True, option == "rbind"
        elif option in PROPAGATION:
            result.propagation.append(PROPAGATION[option])
        elif option in _SUPERBLOCK_FLAGS:
            result.flags |= _SUPERBLOCK_FLAGS[option]
            superblock_only = option
        elif option in _SUPERBLOCK_OPPOSITES:
            result.flags &= ~_SUPERBLOCK_OPPOSITES[option]
        elif not _mount_option(option, result) and not _recursive_option(option, result) and option != "defaults":
            result.data.append(option)
    if result.bind and (superblock_only or result.data):
        raise InvalidArgument(f"the bind mount at {target!r} has no option {superblock_only or result.data[0]!r}")
    return result


def _mount_option(option: str, result: MountOptions) -> bool:
    """Take *option* if it concerns one mount; whether it does."""
    if option in _MOUNT_FLAGS:
        flag, attribute = _MOUNT_FLAGS[option]
        result.flags |= flag
        result.attributes |= attribute
    elif option in _MOUNT_OPPOSITES:
        flag, attribute = _MOUNT_FLAGS[_MOUNT_OPPOSITES[option]]
        result.flags &= ~flag
        result.attributes &= ~attribute
    elif option in _ACCESS_TIMES:
        flag, result.access_time = _ACCESS_TIMES[option]
        result.flags = result.flags & ~_ACCESS_TIME_FLAGS | flag
    elif option in _ACCESS_TIME_OPPOSITES:
        result.access_time = None
        result.flags &= ~_ACCESS_TIME_FLAGS
    else:
        return False
    return True


def _recursive_option(option: str, result: MountOptions) -> bool:
    """Take *option* if it concerns the mounts below too ("rro"); whether it does."""
    name = option[1:] if option.startswith("r") else ""
    if name in _MOUNT_FLAGS:
        attribute = _MOUNT_FLAGS[name][1]
        result.recursive_add |= attribute
        result.recursive_drop &= ~attribute
    elif name in _MOUNT_OPPOSITES:
        attribute = _MOUNT_FLAGS[_MOUNT_OPPOSITES[name]][1]
        result.recursive_add &= ~attribute
        result.recursive_drop |= attribute
    elif name in _ACCESS_TIMES:
        result.recursive_add = result.recursive_add & ~mount.MOUNT_ATTR_ATIME | _ACCESS_TIMES[name][1]
        result.recursive_drop |= mount.MOUNT_ATTR_ATIME
    else:
        return False
    return True
