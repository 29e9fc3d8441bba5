"""In which order a container joins its networks, how its interfaces are called, where its default routes go. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ck.kernel.api.container import EndpointRequest
from ck.kernel.drivers.network import EndpointConfig, NetworkConfig
from ck.kernel.errors import Conflict, InvalidArgument

INTERFACE_OPTION: Final = "com.docker.network.endpoint.ifname"
_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NAME_BYTES: Final = 15  # IFNAMSIZ without its NUL


@attrs.frozen
class Wish:
    """A network and what the container asks of it."""

    network: NetworkConfig
    request: EndpointRequest


def interface_names(wishes: Sequence[Wish], held: Mapping[str, str]) -> Mapping[str, str]:
    """The interface of each network by its name; *held* are those that the container has already.

    Raises: InvalidArgument for a name that no interface can have; Conflict for one that is given twice.
    """
    names = dict(held)
    for wish in wishes:
        if (asked := wish.request.driver_options.get(INTERFACE_OPTION)) and wish.network.name not in names:
            if len(asked.encode()) > _NAME_BYTES or asked in (".", "..", "lo") or any(c in "/: \t" for c in asked):
                raise InvalidArgument(f"invalid interface name {asked!r} for network {wish.network.name}")
            if asked in names.values():
                raise Conflict(f"interface name {asked!r} is given to two networks of the container")
            names[wish.network.name] = asked
    number = 0
    for wish in wishes:
        if wish.network.name in names:
            continue
        while f"eth{number}" in names.values():
            number += 1
        names[wish.network.name] = f"eth{number}"
    return names


def parse_mac(text: str) -> str:
    """Six bytes, with colons, in lower case. Raises: InvalidArgument, for what belongs to groups too."""
    digits = text.lower().replace("-", ":")
    if not _MAC.fullmatch(digits) or int(digits[:2], 16) & 1 or set(digits) == {"0", ":"}:
        raise InvalidArgument(f"invalid MAC address {text!r}: expected one such as 02:42:ac:11:00:02")
    return digits


def gateway_network(wishes: Sequence[Wish], version: int) -> str:
    """The name of the network that has the default route: the highest priority wins, then the first; "" for none."""
    able = [wish for wish in wishes if not wish.network.internal and wish.network.subnet(version) is not None]
    best = max(able, key=lambda wish: wish.request.gateway_priority, default=None)
    return best.network.name if best else ""


def endpoint_configs(
    container_id: str, container_name: str, wishes: Sequence[Wish], held: Mapping[str, str]
) -> Sequence[EndpointConfig]:
    """One for each of *wishes*, without addresses. *held* and errors as in `interface_names`.

    Raises: InvalidArgument for a MAC address that no interface can have.
    """
    names = interface_names(wishes, held)
    gateway4, gateway6 = gateway_network(wishes, 4), gateway_network(wishes, 6)
    return [
        EndpointConfig(
            container_id=container_id,
            container_name=container_name,
            interface=names[wish.network.name],
            mac_address=parse_mac(wish.request.mac_address) if wish.request.mac_address else "",
            default4=wish.network.name == gateway4,
            default6=wish.network.name == gateway6,
            options={key: value for key, value in wish.request.driver_options.items() if key != INTERFACE_OPTION},
        )
        for wish in wishes
    ]


def dns_names(container_id: str, container_name: str, hostname: str, request: EndpointRequest) -> Sequence[str]:
    """The names that a container has on a network, in Docker's order."""
    names = [container_name, *request.aliases, container_id[:12], hostname]
    return list(dict.fromkeys(name for name in names if name))
