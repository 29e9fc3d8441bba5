"""From `-p`, `-P` and EXPOSE to what a network driver is asked to publish. Pure."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from ck.kernel.api.container import Container, PortBinding
from ck.kernel.drivers.network import PortRequest
from ck.kernel.errors import InvalidArgument

PROTOCOLS: Final = ("tcp", "udp", "sctp")


def port_requests(container: Container) -> Sequence[PortRequest]:
    """What *container* asks to have published. Raises: InvalidArgument, with the offending value."""
    host = container.host_config
    requests = [
        _request(port, binding)
        for port, bindings in host.port_bindings.items()
        for binding in bindings or (PortBinding(),)
    ]
    if host.publish_all_ports:
        named = {(request.protocol, request.container_port) for request in requests}
        for text in container.config.exposed_ports:
            requests += [
                PortRequest(protocol=protocol, container_port=port)
                for protocol, port in parse_exposed(text)
                if (protocol, port) not in named
            ]
    return requests


def parse_exposed(text: str) -> Iterator[tuple[str, int]]:
    """`80`, `53/udp`, `8000-8010/tcp`. Raises: InvalidArgument."""
    ports, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"invalid port {text!r}: unknown protocol {protocol!r}")
    for port in _range(ports, text):
        if port == 0:
            raise InvalidArgument(f"invalid port {text!r}: a container's port is 1 to 65535")
        yield protocol, port


def _request(port: str, binding: PortBinding) -> PortRequest:
    inside = list(parse_exposed(port))
    if len(inside) != 1:
        raise InvalidArgument(f"invalid port {port!r}: a binding is for one port of the container")
    if binding.host_ip:
        try:
            ipaddress.ip_address(binding.host_ip)
        except ValueError as error:
            raise InvalidArgument(f"invalid host address {binding.host_ip!r} of port {port}") from error
    outside = tuple(_range(binding.host_port, f"{binding.host_port}:{port}")) if binding.host_port else (0,)
    protocol, number = inside[0]
    return PortRequest(protocol=protocol, container_port=number, host_ip=binding.host_ip, host_ports=outside)


def _range(text: str, whole: str) -> range:
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal()) or not 0 <= int(first) <= int(last) <= 65535:
        raise InvalidArgument(f"invalid port {whole!r}: ports are numbers from 0 to 65535")
    return range(int(first), int(last) + 1)
