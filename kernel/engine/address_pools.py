"""Which subnets a new network gets: from the pools of the config, clear of what the host and others use. Pure."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from ck.kernel.api.network import SubnetRequest
from ck.kernel.drivers.network import Subnet
from ck.kernel.errors import Conflict, InvalidArgument, Unavailable

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_POINT_TO_POINT: Final = {4: 31, 6: 127}


def parse_prefix(text: str, what: str) -> Prefix:
    """Raises: InvalidArgument."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidArgument(f"invalid {what} {text!r}: it is no network prefix such as 172.28.0.0/16") from error


def parse_address(text: str, what: str) -> Address:
    """Raises: InvalidArgument."""
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidArgument(f"invalid {what} {text!r}: it is no IP address") from error


def make_subnet(request: SubnetRequest, taken: Mapping[Prefix, str]) -> Subnet:
    """The subnet that a user asks for by its prefix.

    *taken* says in words who uses a prefix. Raises: InvalidArgument; Conflict naming who is in the way.
    """
    prefix = parse_prefix(request.prefix, "subnet")
    if prefix.prefixlen >= _POINT_TO_POINT[prefix.version]:
        raise InvalidArgument(f"invalid subnet {request.prefix}: it has no room for a gateway and a container")
    if (other := _overlap(prefix, taken)) is not None:
        raise Conflict(f"subnet {prefix} overlaps {taken[other]} ({other})")
    if request.ip_range:
        part = parse_prefix(request.ip_range, "ip-range")
        if part.version != prefix.version or not part.subnet_of(prefix):  # type: ignore[arg-type]  # versions are equal
            raise InvalidArgument(f"ip-range {request.ip_range} is not within subnet {prefix}")
    for name, text in request.reserved.items():
        if parse_address(text, f"aux-address {name}") not in prefix:
            raise InvalidArgument(f"aux-address {name}={text} is not within subnet {prefix}")
    if request.gateway:
        gateway = parse_address(request.gateway, "gateway")
        if gateway not in prefix:
            raise InvalidArgument(f"gateway {request.gateway} is not within subnet {prefix}")
        if gateway == prefix.network_address or (prefix.version == 4 and gateway == prefix.broadcast_address):
            raise InvalidArgument(f"gateway {request.gateway} is not a host's address in subnet {prefix}")
    else:
        gateway = prefix.network_address + 1
    return Subnet(prefix=str(prefix), gateway=str(gateway), ip_range=request.ip_range, reserved=dict(request.reserved))


def choose_subnet(pools: Sequence[tuple[Prefix, int]], taken: Mapping[Prefix, str]) -> Subnet:
    """The first subnet of *pools* (prefix and length of the subnets in it) that meets nothing in *taken*.

    Raises: Unavailable where all are taken.
    """
    for pool, length in pools:
        relevant = [each for each in taken if each.version == pool.version and each.overlaps(pool)]
        step = 1 << (pool.max_prefixlen - length)
        base = int(pool.network_address)
        while base < int(pool.network_address) + pool.num_addresses:
            address = ipaddress.ip_address(base) if pool.version == 4 else ipaddress.IPv6Address(base)
            candidate = ipaddress.ip_network((address, length))
            other = next((each for each in relevant if each.overlaps(candidate)), None)
            if other is None:
                return Subnet(prefix=str(candidate), gateway=str(candidate.network_address + 1))
            # Jump over all of what is in the way: a pool may hold millions of candidates.
            end = int(other.network_address) + other.num_addresses
            base += max(step, (end - base + step - 1) // step * step)
    listed = ", ".join(str(pool) for pool, _ in pools)
    raise Unavailable(f"no free subnet is left in the address pools {listed or '(none are configured)'}")


def _overlap(prefix: Prefix, taken: Mapping[Prefix, str]) -> Prefix | None:
    return next((each for each in taken if each.version == prefix.version and each.overlaps(prefix)), None)
