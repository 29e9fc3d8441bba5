"""`--device` and `--device-cgroup-rule`: device nodes and the rules that allow them (cgroup-v1/devices)."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from ck.kernel.api.container import DeviceRequest, Resources
from ck.kernel.engine.limits import BlockRate, rates_of
from ck.kernel.errors import InvalidArgument

_RULE: Final = re.compile(r"([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})")
_NOT_DEVICES: Final = frozenset({"pts", "shm", "fd", "mqueue", "console"})  # of /dev: the container has its own


@attrs.frozen(kw_only=True)
class Device:
    """One node: `kind` is "b" or "c"; `mode` are permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    access: str

    def node(self) -> dict[str, Any]:
        """As an entry of the OCI spec's linux.devices."""
        return {
            "path": self.path,
            "type": self.kind,
            "major": self.major,
            "minor": self.minor,
            "fileMode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
        }

    def rule(self) -> dict[str, Any]:
        """As an entry of the OCI spec's linux.resources.devices."""
        return {"allow": True, "type": self.kind, "major": self.major, "minor": self.minor, "access": self.access}


DENY_ALL: Final[dict[str, Any]] = {"allow": False, "access": "rwm"}
ALLOW_ALL: Final[dict[str, Any]] = {"allow": True, "access": "rwm"}

# Every container may make nodes of any kind (useless without a rule to open them) and use the harmless devices.
DEFAULT_RULES: Final[tuple[dict[str, Any], ...]] = (
    DENY_ALL,
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2))
    ),
    {"allow": True, "type": "c", "major": 136, "access": "rwm"},  # /dev/pts/*
)


def find_devices(requests: Sequence[DeviceRequest]) -> list[Device]:
    """The devices behind *requests*; a directory stands for all below it. Reads the file system.

    Raises: InvalidArgument.
    """
    devices: list[Device] = []
    for request in requests:
        if not re.fullmatch(r"[rwm]{1,3}", request.permissions):
            raise InvalidArgument(f"invalid device permissions {request.permissions!r}: they are of r, w and m")
        host = Path(request.path_on_host)
        try:
            resolved = host.resolve(strict=True)
        except OSError as error:
            raise InvalidArgument(f"no such device {request.path_on_host}: {error.strerror}") from error
        if resolved.is_dir():
            devices += _below(resolved, Path(request.path_in_container), request.permissions)
            continue
        device = _device(resolved, request.path_in_container, request.permissions)
        if device is None:
            raise InvalidArgument(f"{request.path_on_host} is not a device node")
        devices.append(device)
    return devices


def find_rates(resources: Resources) -> list[BlockRate]:
    """The disks behind the paths of *resources*: a partition stands for its disk, whose queue alone can be throttled.
    Reads the file system. Raises: InvalidArgument."""
    found = []
    for kind, rate in rates_of(resources):
        try:
            status = Path(rate.path).stat()
        except OSError as error:
            raise InvalidArgument(f"no such device {rate.path}: {error.strerror}") from error
        if not stat.S_ISBLK(status.st_mode):
            raise InvalidArgument(f"--device-{kind} {rate.path}: it is not a block device")
        if rate.rate < 0:
            raise InvalidArgument(f"--device-{kind} {rate.path}: the rate {rate.rate} is negative")
        major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        disk = Path(f"/sys/dev/block/{major}:{minor}")
        if (disk / "partition").exists():
            major, minor = map(int, (disk.resolve().parent / "dev").read_text().split(":"))
        found.append(BlockRate(kind=kind, major=major, minor=minor, rate=rate.rate))
    return found


def host_devices() -> list[Device]:
    """Every device below /dev, for a privileged container."""
    found: list[Device] = []
    for entry in sorted(Path("/dev").iterdir()):
        if entry.name in _NOT_DEVICES or entry.is_symlink():
            continue
        if entry.is_dir():
            found += _below(entry, entry, "rwm")
        elif (device := _device(entry, str(entry), "rwm")) is not None:
            found.append(device)
    return found


def _below(directory: Path, inside: Path, access: str) -> Iterator[Device]:
    for parent, _, files in os.walk(directory):
        for name in sorted(files):
            path = Path(parent, name)
            device = _device(path, str(inside / path.relative_to(directory)), access)
            if device is not None:
                yield device


def _device(path: Path, inside: str, access: str) -> Device | None:
    try:
        status = path.lstat()
    except FileNotFoundError:  # gone since it was listed
        return None
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else None
    if kind is None:
        return None
    return Device(
        path=inside,
        kind=kind,
        major=os.major(status.st_rdev),
        minor=os.minor(status.st_rdev),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        access=access,
    )


def parse_rule(text: str) -> dict[str, Any]:
    """A `--device-cgroup-rule` such as "c 1:3 mr". Raises: InvalidArgument. Pure."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid device cgroup rule {text!r}: expected 'TYPE MAJOR:MINOR ACCESS', as 'c 1:3 mr'")
    kind, major, minor, access = match.groups()
    rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
    if major != "*":
        rule["major"] = int(major)
    if minor != "*":
        rule["minor"] = int(minor)
    return rule
