"""`-v`, `--mount` and `--tmpfs`."""

from __future__ import annotations

import os

from ck.cli.options.fields import split_csv
from ck.cli.options.sizes import parse_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ_ONLY_KEYS = {"readonly", "ro"}
FLAGS = READ_ONLY_KEYS | {"volume-nocopy", "bind-nonrecursive", "bind-create-src", "idmap"}
TRUTHS = {"": True, "1": True, "true": True, "0": False, "false": False}


def parse_volume(text: str) -> tuple[str, str]:
    """`-v` to (bind, anonymous): exactly one of the two is not "".

    A bind is `SOURCE:TARGET[:OPTIONS]`, its source a volume name or an absolute path (one that begins with a dot is
    relative to the working directory); a path alone is an anonymous volume. Raises: ValueError.
    """
    parts = text.split(":")
    if not text or len(parts) > 3 or not all(parts[:2]) or (len(parts) == 3 and not parts[2]):
        raise ValueError(f"invalid volume specification: '{text}'")
    if len(parts) == 1:
        if not text.startswith("/"):
            raise ValueError(f"'{text}' is not an absolute path")
        return "", text
    if not parts[1].startswith("/"):
        raise ValueError(f"invalid volume specification: '{text}': mount path '{parts[1]}' must be absolute")
    source = parts[0]
    if source.startswith("."):
        source = os.path.abspath(source)
    elif source == "~" or source.startswith("~/"):
        source = os.path.expanduser(source)
    return ":".join([source, *parts[1:]]), ""


def parse_tmpfs(text: str) -> tuple[str, str]:
    """`PATH[:OPTIONS]` to path and options. Raises: ValueError."""
    path, _, options = text.partition(":")
    if not path.startswith("/"):
        raise ValueError(f"invalid tmpfs mount '{text}': mount path must be absolute")
    return path, options


def parse_mount(text: str) -> dict[str, Any]:
    """`--mount` to the API's Mount. Raises: ValueError."""
    mount: dict[str, Any] = {"Type": "volume"}
    bind: dict[str, Any] = {}
    volume: dict[str, Any] = {}
    tmpfs: dict[str, Any] = {}
    for field in split_csv(text):
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        if not equals and key not in FLAGS:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if key == "type":
            mount["Type"] = value.lower()
        elif key in {"source", "src"}:
            mount["Source"] = value
        elif key in {"target", "dst", "destination"}:
            mount["Target"] = value
        elif key in READ_ONLY_KEYS:
            mount["ReadOnly"] = _truth(key, value)
        elif key == "consistency":
            mount["Consistency"] = value.lower()
        elif key == "bind-propagation":
            bind["Propagation"] = value.lower()
        elif key == "bind-nonrecursive":
            bind["NonRecursive"] = _truth(key, value)
        elif key == "bind-create-src":
            bind["CreateMountpoint"] = _truth(key, value)
        elif key == "idmap":
            bind["IDMap"] = _truth(key, value)
        elif key == "bind-recursive":
            bind.update(_recursive(value))
        elif key == "volume-nocopy":
            volume["NoCopy"] = _truth(key, value)
        elif key == "volume-subpath":
            volume["Subpath"] = value
        elif key == "volume-driver":
            volume.setdefault("DriverConfig", {})["Name"] = value
        elif key == "volume-label":
            name, _, label = value.partition("=")
            volume.setdefault("Labels", {})[name] = label
        elif key == "volume-opt":
            name, _, option = value.partition("=")
            volume.setdefault("DriverConfig", {}).setdefault("Options", {})[name] = option
        elif key == "tmpfs-size":
            tmpfs["SizeBytes"] = parse_bytes(value)
        elif key == "tmpfs-mode":
            tmpfs["Mode"] = _octal(value)
        else:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
    _check_mount(mount, {"bind": bind, "volume": volume, "tmpfs": tmpfs})
    for kind, key, options in (
        ("bind", "BindOptions", bind),
        ("volume", "VolumeOptions", volume),
        ("tmpfs", "TmpfsOptions", tmpfs),
    ):
        if mount["Type"] == kind and options:
            mount[key] = options
    return mount


def _check_mount(mount: dict[str, Any], options: dict[str, dict[str, Any]]) -> None:
    kind = mount["Type"]
    if kind not in options:
        raise ValueError(f"mount type '{kind}' is none of bind, volume, tmpfs")
    if not mount.get("Target"):
        raise ValueError("target is required")
    for other, given in options.items():
        if given and other != kind:
            raise ValueError(f"cannot mix '{other}-*' options with mount type '{kind}'")
    if kind == "bind":
        if not mount.get("Source"):
            raise ValueError("source is required for a bind mount")
        if mount["Source"].startswith("."):
            mount["Source"] = os.path.abspath(mount["Source"])
    if kind == "tmpfs" and mount.get("Source"):
        raise ValueError("source is not allowed for a tmpfs mount")


def _recursive(value: str) -> dict[str, bool]:
    forms: dict[str, dict[str, bool]] = {
        "enabled": {},
        "disabled": {"NonRecursive": True},
        "writable": {"ReadOnlyNonRecursive": True},
        "readonly": {"ReadOnlyForceRecursive": True},
    }
    if value not in forms:
        raise ValueError(f"bind-recursive is {value!r}, not one of {', '.join(forms)}")
    return forms[value]


def _truth(key: str, value: str) -> bool:
    if value.lower() not in TRUTHS:
        raise ValueError(f"invalid value for {key}: {value}")
    return TRUTHS[value.lower()]


def _octal(value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise ValueError(f"invalid value for tmpfs-mode: {value}") from None
