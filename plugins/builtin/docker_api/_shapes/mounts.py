"""MountRequest and MountPoint, and the API's Mount and MountPoint. Pure."""

from typing import Any, Final

from ck.kernel.api.container import MountPoint, MountRequest
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.codec import (
    FLAG,
    NUMBER,
    TEXT,
    TEXT_MAP,
    Codec,
    Field,
    Json,
    Table,
    expect_object,
    object_list,
)

_TYPES: Final = ("bind", "volume", "tmpfs")

_MOUNT: Final = Table(
    Field("Type", "type", TEXT),
    Field("Source", "source", TEXT),
    Field("Target", "target", TEXT),
    Field("ReadOnly", "read_only", FLAG),
    Field("Consistency", "consistency", TEXT),
)
_BIND: Final = Table(
    Field("Propagation", "propagation", TEXT),
    Field("NonRecursive", "non_recursive", FLAG),
    Field("CreateMountpoint", "create_source", FLAG),
    Field("ReadOnlyNonRecursive", "writable_below", FLAG),
    Field("IDMap", "id_map", FLAG),  # Docker has not
    ignored=("ReadOnlyForceRecursive",),  # every host that ck runs on can, so it is how it always is
)
_VOLUME: Final = Table(
    Field("NoCopy", "no_copy", FLAG),
    Field("Labels", "volume_labels", TEXT_MAP),
    Field("Subpath", "subpath", TEXT),
)
_DRIVER: Final = Table(
    Field("Name", "volume_driver", TEXT),
    Field("Options", "volume_options", TEXT_MAP),
)


def _load_option_pairs(value: object, name: str) -> tuple[str, ...]:
    """[["noexec"], ["size", "64k"]] -> ("noexec", "size=64k")."""
    if not isinstance(value, list) or not all(
        isinstance(pair, list) and 1 <= len(pair) <= 2 and all(isinstance(word, str) for word in pair) for pair in value
    ):
        raise InvalidArgument(f"{name} must be a list of lists of one or two strings")
    return tuple(TEXT.load("=".join(pair), name) for pair in value)


_TMPFS: Final = Table(
    Field("SizeBytes", "tmpfs_size", NUMBER),
    Field("Mode", "tmpfs_mode", NUMBER),
    Field("Options", "tmpfs_options", Codec(_load_option_pairs, lambda words: [word.split("=", 1) for word in words])),
)
_OPTIONS: Final = {
    "bind": ("BindOptions", _BIND),
    "volume": ("VolumeOptions", _VOLUME),
    "tmpfs": ("TmpfsOptions", _TMPFS),
}


def _load_mount(json: Json, where: str) -> MountRequest:
    kind = json.get("Type") or "volume"
    if kind not in _TYPES:
        raise InvalidArgument(f"{where}Type {kind!r} is not supported by this engine: it is one of {', '.join(_TYPES)}")
    key, table = _OPTIONS[kind]
    options = dict(expect_object(json.get(key) or {}, where + key))
    driver = (
        expect_object(options.pop("DriverConfig", None) or {}, f"{where}{key}.DriverConfig") if kind == "volume" else {}
    )
    rest = {name: value for name, value in json.items() if name not in (key, "Type")}
    attributes: dict[str, Any] = {
        **_MOUNT.load({**rest, "Type": kind}, where),
        **table.load(options, f"{where}{key}."),
        **_DRIVER.load(driver, f"{where}{key}.DriverConfig."),
    }
    if not attributes.get("target"):
        raise InvalidArgument(f"{where}Target must not be empty")
    return MountRequest(**attributes)


def _dump_mount(mount: MountRequest) -> Json:
    json = {name: value for name, value in _MOUNT.dump(mount).items() if value}
    key, table = _OPTIONS[mount.type]
    options = {name: value for name, value in table.dump(mount).items() if value}
    if mount.type == "volume" and (mount.volume_driver or mount.volume_options):
        options["DriverConfig"] = {name: value for name, value in _DRIVER.dump(mount).items() if value}
    if options:
        json[key] = options
    return json


MOUNTS: Final = object_list(_load_mount, _dump_mount)


def mount_point_json(mount: MountPoint) -> Json:
    """As `inspect` and `ps` show a mount."""
    json: Json = {"Type": mount.type}
    if mount.name:
        json["Name"] = mount.name
    json |= {"Source": mount.source, "Destination": mount.destination}
    if mount.driver:
        json["Driver"] = mount.driver
    return json | {"Mode": mount.mode, "RW": mount.read_write, "Propagation": mount.propagation}
