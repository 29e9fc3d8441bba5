"""CDI, the Container Device Interface: what a vendor's spec files say that a device needs in a container. Pure.

Source: https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.errors import InvalidArgument, NotFound, Unsupported

_VENDOR: Final = r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]|[A-Za-z]"
_KIND: Final = re.compile(rf"(?:{_VENDOR})/[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_NODE_TYPES: Final = ("b", "c", "u", "")


@attrs.frozen(kw_only=True)
class NodeEdit:
    """A device node to make. `kind` "", `major` and `minor` None: as `host_path` has them."""

    path: str
    host_path: str
    kind: str = ""
    major: int | None = None
    minor: int | None = None
    mode: int | None = None
    access: str = "rwm"
    uid: int | None = None
    gid: int | None = None


@attrs.frozen(kw_only=True)
class MountEdit:
    source: str
    target: str
    type: str = ""
    options: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Edits:
    """What is to be added to a container."""

    env: tuple[str, ...] = ()
    nodes: tuple[NodeEdit, ...] = ()
    mounts: tuple[MountEdit, ...] = ()
    groups: tuple[int, ...] = ()

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            env=self.env + other.env,
            nodes=self.nodes + other.nodes,
            mounts=self.mounts + other.mounts,
            groups=self.groups + other.groups,
        )


NO_EDITS: Final = Edits()


@attrs.frozen(kw_only=True)
class Spec:
    """One file: what the devices of one kind need, and what all of them need, as it was written. A device that is in
    several files is as the one of the highest `rank` has it."""

    source: str
    kind: str
    devices: Mapping[str, object]
    common: object
    rank: int = 0

    def edits(self, device: str) -> Edits:
        """Raises: InvalidArgument, Unsupported."""
        return _edits(self.devices[device], f"the CDI file {self.source}, device {device}")

    def common_edits(self) -> Edits:
        """Raises: InvalidArgument, Unsupported."""
        return _edits(self.common, f"the CDI file {self.source}")


def split_name(name: str) -> tuple[str, str]:
    """`vendor.com/class=name` as kind and name. Raises: InvalidArgument."""
    kind, _, device = name.partition("=")
    if not _KIND.fullmatch(kind) or not _NAME.fullmatch(device):
        raise InvalidArgument(f"{name!r} is not the name of a CDI device: it is like vendor.com/class=name")
    return kind, device


def find_edits(names: Sequence[str], specs: Iterable[Spec]) -> Edits:
    """What the devices *names* need. Raises: NotFound for one that no spec has, InvalidArgument for one that two of the
    same rank have, or whose edits are none; Unsupported."""
    known = list(specs)
    edits, commons = Edits(), list[Spec]()
    for name in dict.fromkeys(names):
        kind, device = split_name(name)
        having = [spec for spec in known if spec.kind == kind and device in spec.devices]
        highest = max((spec.rank for spec in having), default=0)
        found = [spec for spec in having if spec.rank == highest]
        if not found:
            raise NotFound(f"unresolvable CDI device {name}")
        if len(found) > 1:
            files = " and ".join(spec.source for spec in found)
            raise InvalidArgument(f"the CDI device {name} is in more than one file: {files}")
        edits += found[0].edits(device)
        if found[0] not in commons:
            commons.append(found[0])
    for spec in commons:
        edits += spec.common_edits()
    return edits


def parse_spec(document: object, source: str, rank: int = 0) -> Spec:
    """A spec file that was read. Raises: InvalidArgument, naming *source*."""
    where = f"the CDI file {source}"
    spec = _object(document, where)
    kind = spec.get("kind")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise InvalidArgument(f"{where} has the kind {kind!r}, which is not like vendor.com/class")
    devices = {}
    for entry in _list(spec.get("devices"), where):
        device = _object(entry, where)
        name = device.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgument(f"{where} has a device of the name {name!r}")
        devices[name] = device.get("containerEdits")
    return Spec(source=source, kind=kind, devices=devices, common=spec.get("containerEdits"), rank=rank)


def _edits(document: object, where: str) -> Edits:
    edits = _object(document or {}, where)
    for key in ("hooks", "intelRdt", "netDevices"):
        if edits.get(key):
            raise Unsupported(f"{where} asks for {key}, which this engine does not support")
    env = tuple(_text(entry, where) for entry in _list(edits.get("env"), where))
    groups = tuple(_number(entry, where) for entry in _list(edits.get("additionalGids"), where))
    nodes = tuple(_node(_object(entry, where), where) for entry in _list(edits.get("deviceNodes"), where))
    mounts = tuple(_mount(_object(entry, where), where) for entry in _list(edits.get("mounts"), where))
    return Edits(env=env, nodes=nodes, mounts=mounts, groups=groups)


def _node(node: Mapping[str, Any], where: str) -> NodeEdit:
    path = _path(node.get("path"), where)
    kind, access = node.get("type") or "", node.get("permissions") or "rwm"
    if kind not in _NODE_TYPES or not isinstance(access, str) or not set(access) <= set("rwm"):
        raise InvalidArgument(f"{where} has a device {path} of type {kind!r} with permissions {access!r}")
    numbers = {key: _number(node[key], where) for key in ("major", "minor", "fileMode", "uid", "gid") if key in node}
    return NodeEdit(
        path=path,
        host_path=_path(node.get("hostPath") or path, where),
        kind="c" if kind == "u" else kind,
        major=numbers.get("major"),
        minor=numbers.get("minor"),
        mode=numbers.get("fileMode"),
        access=access,
        uid=numbers.get("uid"),
        gid=numbers.get("gid"),
    )


def _mount(mount: Mapping[str, Any], where: str) -> MountEdit:
    return MountEdit(
        source=_path(mount.get("hostPath"), where),
        target=_path(mount.get("containerPath"), where),
        type=_text(mount.get("type") or "", where),
        options=tuple(_text(option, where) for option in _list(mount.get("options"), where)),
    )


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{where} has {value!r} where an object belongs")
    return value


def _list(value: object, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidArgument(f"{where} has {value!r} where a list belongs")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise InvalidArgument(f"{where} has {value!r} where text belongs")
    return value


def _path(value: object, where: str) -> str:
    path = _text(value, where)
    if not path.startswith("/"):
        raise InvalidArgument(f"{where} has the path {path!r}, which is not absolute")
    return path


def _number(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgument(f"{where} has {value!r} where a number belongs")
    return value
