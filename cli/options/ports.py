"""`-p` and `--expose`: ports as Docker writes them."""

from __future__ import annotations

PROTOCOLS = ("tcp", "udp", "sctp")
Binding = dict[str, str]


def parse_range(text: str) -> range:
    """`80` or `8000-8010`. Raises: ValueError."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal()) or not 0 <= int(first) <= int(last) <= 65535:
        raise ValueError(f"invalid port or range: {text}")
    return range(int(first), int(last) + 1)


def parse_expose(text: str) -> list[str]:
    """`80`, `53/udp`, `8000-8010` to `["80/tcp", ...]`. Raises: ValueError."""
    ports, protocol = _split_protocol(text)
    return [f"{port}/{protocol}" for port in parse_range(ports)]


def parse_publish(text: str) -> list[tuple[str, Binding]]:
    """`[[IP:][HOST_PORT]:]PORT[/PROTOCOL]`, ranges allowed, an IPv6 address in brackets, to pairs of container port
    and binding.

    A range of host ports for one container port goes to the engine, which takes the first free one. Raises: ValueError.
    """
    rest, protocol = _split_protocol(text)
    address, host, container = _split_address(rest)
    if not container:
        raise ValueError(f"no port specified: {text}")
    inside = parse_range(container)
    if not host:
        return [(f"{port}/{protocol}", {"HostIp": address, "HostPort": ""}) for port in inside]
    outside = parse_range(host)
    if len(inside) == 1 and len(outside) > 1:
        return [(f"{inside[0]}/{protocol}", {"HostIp": address, "HostPort": host})]
    if len(inside) != len(outside):
        raise ValueError(f"invalid ranges specified for container and host ports: {container} and {host}")
    return [
        (f"{port}/{protocol}", {"HostIp": address, "HostPort": str(published)})
        for port, published in zip(inside, outside, strict=True)
    ]


def _split_protocol(text: str) -> tuple[str, str]:
    ports, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise ValueError(f"invalid protocol: {protocol}")
    return ports, protocol


def _split_address(text: str) -> tuple[str, str, str]:
    """Host address, host port and container port."""
    rest, _, container = text.rpartition(":")
    if rest.startswith("["):
        address, bracket, host = rest[1:].partition("]")
        if not bracket or (host and not host.startswith(":")):
            raise ValueError(f"invalid address in port specification: {text}")
        host = host[1:]
    else:
        address, _, host = rest.rpartition(":")
    if address:
        check_address(address)
    return address, host, container


def check_address(address: str) -> None:
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except OSError:
        raise ValueError(f"invalid IP address: {address}") from None
