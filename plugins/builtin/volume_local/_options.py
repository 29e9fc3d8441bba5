"""What a user says of a volume: its name, and Docker's options `type`, `o` and `device`. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from ck.kernel.errors import InvalidArgument
from ck.kernel.linux import mount as m

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
_NEEDS: Final = {"type": ("device",), "device": ("type",), "o": ("type", "device")}

# mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS: the flags to set, and those to clear.
_FLAGS: Final[Mapping[str, tuple[int, int]]] = {
    "defaults": (0, 0),
    "ro": (m.MS_RDONLY, 0),
    "rw": (0, m.MS_RDONLY),
    "nosuid": (m.MS_NOSUID, 0),
    "suid": (0, m.MS_NOSUID),
    "nodev": (m.MS_NODEV, 0),
    "dev": (0, m.MS_NODEV),
    "noexec": (m.MS_NOEXEC, 0),
    "exec": (0, m.MS_NOEXEC),
    "sync": (m.MS_SYNCHRONOUS, 0),
    "async": (0, m.MS_SYNCHRONOUS),
    "dirsync": (m.MS_DIRSYNC, 0),
    "mand": (m.MS_MANDLOCK, 0),
    "nomand": (0, m.MS_MANDLOCK),
    "noatime": (m.MS_NOATIME, 0),
    "atime": (0, m.MS_NOATIME),
    "nodiratime": (m.MS_NODIRATIME, 0),
    "diratime": (0, m.MS_NODIRATIME),
    "relatime": (m.MS_RELATIME, 0),
    "norelatime": (0, m.MS_RELATIME),
    "strictatime": (m.MS_STRICTATIME, 0),
    "nostrictatime": (0, m.MS_STRICTATIME),
    "bind": (m.MS_BIND, 0),
    "rbind": (m.MS_BIND | m.MS_REC, 0),
}
_PROPAGATION: Final[Mapping[str, int]] = {
    "private": m.MS_PRIVATE,
    "rprivate": m.MS_PRIVATE | m.MS_REC,
    "shared": m.MS_SHARED,
    "rshared": m.MS_SHARED | m.MS_REC,
    "slave": m.MS_SLAVE,
    "rslave": m.MS_SLAVE | m.MS_REC,
    "unbindable": m.MS_UNBINDABLE,
    "runbindable": m.MS_UNBINDABLE | m.MS_REC,
}


@attrs.frozen(kw_only=True)
class MountRequest:
    """Arguments of mount(2); `propagation` is set afterwards, 0 for none. `data` are the file system's own options."""

    source: str
    kind: str
    flags: int
    propagation: int
    data: str


def check_name(name: str) -> None:
    """Raises: InvalidArgument for what cannot be the name of a volume."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"volume name {name!r} is not valid: it must be 2 to 255 of the characters [a-zA-Z0-9_.-], "
            "the first a letter or digit"
        )


def check_options(options: Mapping[str, str]) -> None:
    """Raises: InvalidArgument, naming an option that is not known or one that is missing."""
    for option in options:
        if option not in _NEEDS:
            raise InvalidArgument(f"unknown option {option!r} for the volume driver local (there are: type, o, device)")
        for needed in _NEEDS[option]:
            if not options.get(needed):
                raise InvalidArgument(f"volume option {option!r} needs option {needed!r}")


def mount_request(options: Mapping[str, str]) -> MountRequest | None:
    """How to mount a volume of checked *options*; None for a plain directory."""
    if not options.get("device"):
        return None
    flags = propagation = 0
    data = []
    for word in filter(None, options.get("o", "").split(",")):
        if word in _PROPAGATION:
            propagation = _PROPAGATION[word]
        elif word in _FLAGS:
            added, dropped = _FLAGS[word]
            flags = (flags | added) & ~dropped
        else:
            data.append(word)
    return MountRequest(
        source=options["device"], kind=options["type"], flags=flags, propagation=propagation, data=",".join(data)
    )


def server_of(request: MountRequest) -> str | None:
    """The host name or address in the option `addr`, which the kernel wants as an address."""
    return next((word.removeprefix("addr=") for word in request.data.split(",") if word.startswith("addr=")), None)


def with_server(request: MountRequest, address: str) -> MountRequest:
    """The same with another `addr`."""
    words = (f"addr={address}" if word.startswith("addr=") else word for word in request.data.split(","))
    return attrs.evolve(request, data=",".join(words))
