"""Ports of the host, held for containers: bound, so that nobody else on the host can take them, and never listened on
but where connections are carried over. Everything blocks, for microseconds: for worker threads."""

import errno
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from ck.kernel.drivers.network import Endpoint, PortRequest, PublishedPort
from ck.kernel.errors import Conflict, InvalidArgument, Unsupported
from ck.plugins.builtin.network_bridge._port_holder import process_with_port
from ck.plugins.builtin.network_bridge.proxy import Proxy

_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "sctp": socket.SOCK_SEQPACKET}
_BACKLOG: Final = 128
_TRIES: Final = 32
"""How often a free port is looked for that is free in both families."""


@attrs.define
class Reservation:
    """A port that is held. `socket` is None where the kernel has no such protocol: then the rules alone hold it."""

    port: PublishedPort
    socket: "socket.socket | None"


class Ports:
    """All that is held, by network and container."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._held: dict[tuple[str, str], list[Reservation]] = {}

    def of(self, network_id: str, container_id: str) -> Sequence[PublishedPort]:
        return [each.port for each in self._held.get((network_id, container_id), ())]

    def reserve(
        self, network_id: str, container_id: str, wanted: Iterable[PortRequest], default_ip: str
    ) -> Sequence[PublishedPort]:
        """Hold what is *wanted* beside what the container holds already; what it holds of it is held once.

        Raises: Conflict, naming who has a port; InvalidArgument for an address that is not of this host. Then nothing
        new is held.
        """
        key = (network_id, container_id)
        held = self._held.get(key, [])
        taken: list[Reservation] = []
        chosen: list[PublishedPort] = []
        try:
            for request in wanted:
                if kept := _kept(held, request):
                    chosen += kept
                    continue
                new = self._first_free(network_id, request, request.host_ip or default_ip)
                taken += new
                chosen += [each.port for each in new]
        except BaseException:
            for each in taken:
                self._let_go(each)
            raise
        for each in held:
            if each.port not in chosen:
                self._let_go(each)
        self._held[key] = [each for each in held if each.port in chosen] + taken
        return chosen

    def hold(self, network_id: str, container_id: str, ports: Iterable[PublishedPort]) -> Sequence[str]:
        """Hold again what a container has had before this engine; return a sentence for each that somebody has taken
        meanwhile."""
        complaints = []
        kept = []
        for port in ports:
            try:
                kept.append(_bind(port))
            except OSError as error:
                complaints.append(f"port {port.host_port}/{port.protocol} of {port.host_ip}: {error.strerror}")
                kept.append(Reservation(port, None))
        self._held[network_id, container_id] = kept
        return complaints

    def carry(self, network_id: str, container_id: str, endpoint: Endpoint) -> None:
        """From now on connections that the kernel cannot send to the container are carried there."""
        for each in self._held.get((network_id, container_id), ()):
            if each.socket is not None and _is_carried(each.port):
                address = endpoint.ipv6_address or endpoint.ipv4_address
                self._proxy.serve(each.socket, address, each.port.container_port)

    def release(self, network_id: str, container_id: str) -> None:
        """Success where nothing is held."""
        for each in self._held.pop((network_id, container_id), ()):
            self._let_go(each)

    def close(self) -> None:
        """Let go of all; the rules stay, and the next engine holds the ports again."""
        for key in list(self._held):
            self.release(*key)

    def _let_go(self, each: Reservation) -> None:
        if each.socket is not None:
            self._proxy.forget(each.socket)
            each.socket.close()

    def _first_free(self, network_id: str, request: PortRequest, host_ip: str) -> Sequence[Reservation]:
        addresses = [host_ip] if host_ip else _all_addresses()
        failure: Conflict | None = None
        for host_port in request.host_ports:
            for _ in range(1 if host_port else _TRIES):
                try:
                    return self._bind_all(network_id, request, addresses, host_port)
                except Conflict as error:
                    failure = error
        if failure is None:
            raise InvalidArgument(f"no host port is given for port {request.container_port}")
        if len(request.host_ports) > 1:
            first, last = request.host_ports[0], request.host_ports[-1]
            raise Conflict(f"no port of {first}-{last}/{request.protocol} is free; the last one: {failure}")
        raise failure

    def _bind_all(
        self, network_id: str, request: PortRequest, addresses: Sequence[str], host_port: int
    ) -> Sequence[Reservation]:
        bound: list[Reservation] = []
        try:
            for address in addresses:
                port = PublishedPort(
                    protocol=request.protocol,
                    container_port=request.container_port,
                    host_ip=address,
                    host_port=host_port,
                    network_id=network_id,
                )
                reservation = self._bind(port)
                host_port = reservation.port.host_port  # where the kernel chose, the other family gets the same
                bound.append(reservation)
        except BaseException:
            for each in bound:
                self._let_go(each)
            raise
        return bound

    def _bind(self, port: PublishedPort) -> Reservation:
        try:
            return _bind(port)
        except OSError as error:
            where = f"port {port.host_port}/{port.protocol}"
            if error.errno == errno.EADDRINUSE:
                raise Conflict(f"{where} of {port.host_ip} is in use by {self._holder(port)}") from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise InvalidArgument(
                    f"{where} cannot be published: {port.host_ip} is no address of this host"
                ) from error
            raise Unsupported(f"{where} cannot be published on {port.host_ip}: {error.strerror}") from error

    def _holder(self, port: PublishedPort) -> str:
        for (_, container_id), reservations in self._held.items():
            for each in reservations:
                if (each.port.protocol, each.port.host_port) == (port.protocol, port.host_port):
                    return f"container {container_id[:12]}"
        return process_with_port(port.protocol, port.host_port) or "another program of this host"


def _kept(held: Iterable[Reservation], request: PortRequest) -> Sequence[PublishedPort]:
    """What the container holds that is just what *request* asks."""
    return [
        each.port
        for each in held
        if (each.port.protocol, each.port.container_port) == (request.protocol, request.container_port)
        and (each.port.host_port in request.host_ports or request.host_ports == (0,))
        and request.host_ip in ("", each.port.host_ip)
    ]


def _bind(port: PublishedPort) -> Reservation:
    """Raises: OSError."""
    if _is_carried(port):
        held = _open(port, listens=True)
        return Reservation(attrs.evolve(port, host_port=held.getsockname()[1]), held)
    try:
        held = _open(port, listens=False)
    except OSError as error:
        if port.protocol == "sctp" and port.host_port and error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
            # A kernel without SCTP of its own forwards it all the same.
            return Reservation(port, None)
        if error.errno != errno.EADDRINUSE or port.protocol != "tcp":
            raise
        # It may be that only connections of before are left of who had it (TIME_WAIT). A socket that listens may have
        # the port all the same, and one that listens is in the way of every other.
        held = _open(port, listens=True)
    return Reservation(attrs.evolve(port, host_port=held.getsockname()[1]), held)


def _open(port: PublishedPort, *, listens: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    protocol = socket.IPPROTO_SCTP if port.protocol == "sctp" else 0
    opened = socket.socket(family, _KINDS[port.protocol] | socket.SOCK_CLOEXEC, protocol)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if listens:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((port.host_ip, port.host_port))
        if listens:
            opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def _is_carried(port: PublishedPort) -> bool:
    """Whether its connections are carried over: those to ::1, which the kernel does not route to containers, and those
    to any address of IPv6 where the container has none."""
    host = ipaddress.ip_address(port.host_ip)
    return port.protocol == "tcp" and host.version == 6 and (host.is_unspecified or host.is_loopback)


def _all_addresses() -> Sequence[str]:
    """Every address, in the families that this host has."""
    return ["0.0.0.0", "::"] if _has_ipv6() else ["0.0.0.0"]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
