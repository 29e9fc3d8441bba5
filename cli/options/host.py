"""Options of the host's side: devices, ulimits, hosts, networks, security."""

from __future__ import annotations

import os

from ck.cli.options.fields import split_csv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parse_ulimit(text: str) -> dict[str, Any]:
    """`NAME=SOFT[:HARD]`; -1 or "unlimited" is no limit. Raises: ValueError."""
    name, _, value = text.partition("=")
    soft, colon, hard = value.partition(":")
    try:
        limits = [-1 if each == "unlimited" else int(each) for each in (soft, hard if colon else soft)]
    except ValueError:
        raise ValueError(f"invalid ulimit argument: {text}") from None
    if not name:
        raise ValueError(f"invalid ulimit argument: {text}")
    if -1 < limits[1] < limits[0] or (limits[0] == -1 and limits[1] != -1):
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {text}")
    return {"Name": name, "Soft": limits[0], "Hard": limits[1]}


def parse_device(text: str) -> dict[str, str]:
    """`HOST[:CONTAINER][:rwm]`. Raises: ValueError."""
    host, *rest = text.split(":")
    inside, permissions = host, "rwm"
    if rest and _is_device_mode(rest[-1]) and len(rest) < 3:
        permissions = rest.pop()
    if rest:
        inside = rest.pop()
    if rest or not host or not inside.startswith("/"):
        raise ValueError(f"invalid device specification: {text}")
    return {"PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": permissions}


def is_cdi(text: str) -> bool:
    """Whether a `--device` is `VENDOR/CLASS=NAME`, no path."""
    kind, equals, name = text.partition("=")
    return bool(equals and name) and not text.startswith("/") and kind.count("/") == 1


def _is_device_mode(text: str) -> bool:
    return bool(text) and len(set(text)) == len(text) and set(text) <= set("rwm")


def parse_host(text: str) -> str:
    """`--add-host NAME:ADDRESS` or `NAME=ADDRESS`, as `NAME:ADDRESS`. Raises: ValueError."""
    name, separator, address = text.partition("=") if "=" in text else text.partition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not name or not separator or not address:
        raise ValueError(f'bad format for add-host: "{text}"')
    if address != "host-gateway":
        from ck.cli.options.ports import check_address

        check_address(address)
    return f"{name}:{address}"


def parse_network(text: str) -> tuple[str, dict[str, Any]]:
    """`NAME` or `name=NAME,alias=A,ip=...` to the name and the API's EndpointSettings. Raises: ValueError."""
    if "=" not in text:
        return text, {}
    name = ""
    endpoint: dict[str, Any] = {}
    for field in split_csv(text):
        key, equals, value = field.partition("=")
        if not equals:
            raise ValueError(f"invalid field {field} in {text}")
        if key == "name":
            name = value
        elif key == "alias":
            endpoint.setdefault("Aliases", []).append(value)
        elif key == "driver-opt":
            option, _, setting = value.partition("=")
            endpoint.setdefault("DriverOpts", {})[option] = setting
        elif key == "ip":
            endpoint.setdefault("IPAMConfig", {})["IPv4Address"] = value
        elif key == "ip6":
            endpoint.setdefault("IPAMConfig", {})["IPv6Address"] = value
        elif key == "link-local-ip":
            endpoint.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(value)
        elif key == "mac-address":
            endpoint["MacAddress"] = value
        elif key == "gw-priority":
            endpoint["GwPriority"] = int(value)
        else:
            raise ValueError(f"invalid field {field} in {text}")
    if not name:
        raise ValueError(f"network name is not specified in {text}")
    return name, endpoint


def parse_security(text: str) -> str:
    """A `--security-opt`; the file of `seccomp=FILE` is read here, because the engine may not see it. Raises:
    ValueError."""
    key, equals, value = text.partition("=")
    if not equals:
        key, equals, value = text.partition(":")
    if not equals and text != "no-new-privileges":
        raise ValueError(f"invalid --security-opt: {text!r}")
    if key != "seccomp" or value in {"unconfined", "builtin"}:
        return text
    from json import dumps, load

    try:
        with open(value, encoding="utf-8") as file:
            return f"seccomp={dumps(load(file), separators=(',', ':'))}"
    except OSError as error:
        raise ValueError(f"opening seccomp profile ({value}) failed: {os.strerror(error.errno or 0)}") from None
    except ValueError as error:
        raise ValueError(f"seccomp profile ({value}) is not JSON: {error}") from None
