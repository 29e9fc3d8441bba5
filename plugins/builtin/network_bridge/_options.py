"""What can be said of the driver in the config, and of a network by `--opt`. Pure."""

import ipaddress
import re
from typing import Final

import attrs

from ck.kernel.drivers.network import NetworkConfig
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options

_LINK_NAME: Final = re.compile(r"[^\s/:%]{1,15}")
_TABLE_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]*")
PUBLISHED_PORTS: Final = ("open", "respect-host")
_MTU: Final = (68, 65535)  # the least that IPv4 allows (RFC 791), the most that a link can have
_TRUTH: Final = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


@attrs.frozen(kw_only=True)
class DriverOptions:
    """`bridge` is the link of the default network, `table` the table of nftables that is the engine's alone.

    `published_ports` "open": they are, as Docker's are; "respect-host": to whom the host's rules for input let in.
    """

    bridge: str = "ck0"
    table: str = "ck"
    published_ports: str = "open"


@attrs.frozen(kw_only=True)
class NetworkOptions:
    """Docker's options of a bridge network. `bridge` "" and `mtu` 0 leave the choice to the driver."""

    bridge: str = ""
    mtu: int = 0
    icc: bool = True  # whether the containers of the network reach one another
    masquerade: bool = True  # whether they have the host's address outside
    host_ip: str = ""  # where ports are published that name no address


def read_driver_options(options: Options) -> DriverOptions:
    """Raises: InvalidArgument."""
    known = {field.name for field in attrs.fields(DriverOptions)}
    for name in options:
        if name not in known:
            raise InvalidArgument(f"unknown option {name!r} for the network driver bridge")
    read = DriverOptions(**{name: str(value) for name, value in options.items()})
    if not _LINK_NAME.fullmatch(read.bridge):
        raise InvalidArgument(f"invalid bridge name {read.bridge!r}: a link's name has 1 to 15 characters")
    if not _TABLE_NAME.fullmatch(read.table):
        raise InvalidArgument(f"invalid table name {read.table!r} for the network driver bridge")
    if read.published_ports not in PUBLISHED_PORTS:
        choices = " or ".join(PUBLISHED_PORTS)
        raise InvalidArgument(f"invalid value {read.published_ports!r} of option published_ports: expected {choices}")
    return read


def read_network_options(network: NetworkConfig) -> NetworkOptions:
    """Raises: InvalidArgument, naming an option that is unknown or malformed."""
    found: dict[str, str | int | bool] = {}
    for name, value in network.options.items():
        match name:
            case "com.docker.network.bridge.name":
                if not _LINK_NAME.fullmatch(value):
                    raise InvalidArgument(f"invalid bridge name {value!r}: a link's name has 1 to 15 characters")
                found["bridge"] = value
            case "com.docker.network.driver.mtu":
                found["mtu"] = _mtu(name, value)
            case "com.docker.network.bridge.enable_icc":
                found["icc"] = _truth(name, value)
            case "com.docker.network.bridge.enable_ip_masquerade":
                found["masquerade"] = _truth(name, value)
            case "com.docker.network.bridge.host_binding_ipv4":
                found["host_ip"] = _address(name, value)
            case _:
                raise InvalidArgument(f"unknown option {name!r} for the network driver bridge")
    return NetworkOptions(**found)  # type: ignore[arg-type]  # each has the type of its field


def _address(name: str, value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError as error:
        raise InvalidArgument(f"invalid value {value!r} of option {name}: expected an IPv4 address") from error


def _mtu(name: str, value: str) -> int:
    if not value.isdecimal() or not (int(value) == 0 or _MTU[0] <= int(value) <= _MTU[1]):
        raise InvalidArgument(f"invalid value {value!r} of option {name}: an MTU is {_MTU[0]} to {_MTU[1]}")
    return int(value)


def _truth(name: str, value: str) -> bool:
    if value.lower() not in _TRUTH:
        raise InvalidArgument(f"invalid value {value!r} of option {name}: expected true or false")
    return _TRUTH[value.lower()]
