"""Ports of the host, held for containers: bound, so that nobody else on the host can take them, and never listened on
but where connections are carried over. Everything blocks, for microseconds: for worker threads."""

import errno
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import attrs

from ck.kernel.drivers.network import Endpoint, PortRequest, PublishedPort
from ck.kernel.errors import Conflict, InvalidArgument, Unsupported
from ck.plugins.builtin.network_bridge._port_holder import process_with_port
from ck.plugins.builtin.network_bridge.proxy import Proxy

_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "sctp": socket.SOCK_SEQPACKET}
_BACKLOG: Final = 128
_BOTH: Final = ("0.0.0.0", "::")


@attrs.define
class Reservation:
    """What one socket holds: a port of one address, or of every address in both families.

    `socket` is None where the kernel has no such protocol: then the rules alone hold it.
    """

    ports: tuple[PublishedPort, ...]
    socket: "socket.socket | None"

    @property
    def is_carried(self) -> bool:
        """Whether ckd carries over what comes to ::1, which the kernel does not route to containers, and what comes to
        any address of IPv6 where the container has none."""
        port = self.ports[-1]
        return port.protocol in ("tcp", "udp") and port.host_ip in ("::", "::1")

    @property
    def listens(self) -> bool:
        return self.is_carried and self.ports[0].protocol == "tcp"


class Ports:
    """All that is held, by network and container."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._held: dict[tuple[str, str], list[Reservation]] = {}

    def of(self, network_id: str, container_id: str) -> Sequence[PublishedPort]:
        return _ports_of(self._held.get((network_id, container_id), ()))

    def reserve(
        self, network_id: str, container_id: str, wanted: Iterable[PortRequest], default_ip: str
    ) -> Sequence[PublishedPort]:
        """Hold what is *wanted* and nothing else for the container; what it holds of it already is held on.

        Raises: Conflict, naming who has a port; InvalidArgument for an address that is not of this host. Then nothing
        new is held.
        """
        key = (network_id, container_id)
        held = {_what(each): each for each in self._held.get(key, ())}
        every = _every_address()
        chosen: list[Reservation] = []
        new: list[Reservation] = []
        try:
            for request in wanted:
                host_ip = request.host_ip or default_ip
                addresses = [host_ip] if host_ip else every
                kept = _kept(held, request, addresses)
                if kept is None:
                    kept = self._first_free(network_id, request, addresses)
                    new.append(kept)
                chosen.append(kept)
        except BaseException:
            for each in new:
                self._let_go(each)
            raise
        for each in held.values():
            if each not in chosen:
                self._let_go(each)
        self._held[key] = chosen
        return _ports_of(chosen)

    def hold(self, network_id: str, container_id: str, ports: Iterable[PublishedPort]) -> Sequence[str]:
        """Hold again what a container has had before this engine; return a sentence for each that somebody has taken
        meanwhile."""
        complaints = []
        kept = []
        together: dict[tuple[str, int, int, str], list[PublishedPort]] = {}
        for port in ports:
            where = "" if port.host_ip in _BOTH else port.host_ip
            together.setdefault((port.protocol, port.container_port, port.host_port, where), []).append(port)
        for same in together.values():
            try:
                kept.append(_bind(tuple(same)))
            except OSError as error:
                port = same[0]
                complaints.append(f"port {port.host_port}/{port.protocol} of {port.host_ip}: {error.strerror}")
                kept.append(Reservation(tuple(same), None))
        self._held[network_id, container_id] = kept
        return complaints

    def carry(self, network_id: str, container_id: str, endpoint: Endpoint) -> None:
        """From now on connections that the kernel cannot send to the container are carried there."""
        for each in self._held.get((network_id, container_id), ()):
            if each.socket is not None and each.is_carried:
                # A server that listens on IPv6 alone is rarer than one on IPv4 alone.
                address = endpoint.ipv4_address or endpoint.ipv6_address
                self._proxy.serve(each.socket, address, each.ports[0].container_port)

    def leading(self, protocol: str, host_port: int) -> Sequence[tuple[str, PublishedPort]]:
        """The containers' IDs and ports to which a port of the host leads."""
        return [
            (container_id, port)
            for (_, container_id), reservations in self._held.items()
            for port in _ports_of(reservations)
            if (port.protocol, port.host_port) == (protocol, host_port)
        ]

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

    def _first_free(self, network_id: str, request: PortRequest, addresses: Sequence[str]) -> Reservation:
        failure: Conflict | None = None
        for host_port in request.host_ports:
            ports = [
                PublishedPort(
                    protocol=request.protocol,
                    container_port=request.container_port,
                    host_ip=address,
                    host_port=host_port,
                    network_id=network_id,
                )
                for address in addresses
            ]
            try:
                return self._bind(tuple(ports))
            except Conflict as error:
                failure = error
        if failure is None:
            raise InvalidArgument(f"no host port is given for port {request.container_port}")
        if len(request.host_ports) > 1:
            first, last = request.host_ports[0], request.host_ports[-1]
            raise Conflict(f"no port of {first}-{last}/{request.protocol} is free; the last one: {failure}")
        raise failure

    def _bind(self, ports: tuple[PublishedPort, ...]) -> Reservation:
        try:
            return _bind(ports)
        except OSError as error:
            port = ports[0]
            where = f"port {port.host_port}/{port.protocol}"
            if error.errno == errno.EADDRINUSE:
                raise Conflict(f"{where} of {port.host_ip} is in use by {self._holder(port)}") from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise InvalidArgument(
                    f"{where} cannot be published: {port.host_ip} is no address of this host"
                ) from error
            raise Unsupported(f"{where} cannot be published on {port.host_ip}: {error.strerror}") from error

    def _holder(self, wanted: PublishedPort) -> str:
        for (_, container_id), reservations in self._held.items():
            for port in _ports_of(reservations):
                if (port.protocol, port.host_port) == (wanted.protocol, wanted.host_port):
                    return f"container {container_id[:12]}"
        return process_with_port(wanted.protocol, wanted.host_port) or "another program of this host"


def _ports_of(reservations: Iterable[Reservation]) -> Sequence[PublishedPort]:
    return [port for each in reservations for port in each.ports]


_What = tuple[str, int, int, tuple[str, ...]]


def _what(reservation: Reservation) -> _What:
    port = reservation.ports[0]
    addresses = tuple(each.host_ip for each in reservation.ports)
    return port.protocol, port.container_port, port.host_port, addresses


def _kept(held: dict[_What, Reservation], request: PortRequest, addresses: Sequence[str]) -> Reservation | None:
    """What the container holds that is just what *request* asks."""
    if request.host_ports == (0,):
        for (protocol, port, _, where), each in held.items():
            if (protocol, port, where) == (request.protocol, request.container_port, tuple(addresses)):
                return each
        return None
    for number in request.host_ports:
        found = held.get((request.protocol, request.container_port, number, tuple(addresses)))
        if found is not None:
            return found
    return None


def _bind(ports: tuple[PublishedPort, ...]) -> Reservation:
    """Raises: OSError."""
    reservation = Reservation(ports, None)
    try:
        held = _open(ports, listens=reservation.listens)
    except OSError as error:
        port = ports[0]
        if port.protocol == "sctp" and port.host_port and error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
            # A kernel without SCTP of its own forwards it all the same.
            return reservation
        if error.errno != errno.EADDRINUSE or port.protocol != "tcp" or reservation.listens:
            raise
        # It may be that only connections of before are left of who had it (TIME_WAIT). A socket that listens may have
        # the port all the same, and one that listens is in the way of every other.
        held = _open(ports, listens=True)
    number = held.getsockname()[1]
    if ports[0].host_port == 0:
        ports = tuple(attrs.evolve(port, host_port=number) for port in ports)
    return Reservation(ports, held)


def _open(ports: Sequence[PublishedPort], *, listens: bool) -> socket.socket:
    """A socket bound to the port of one address, or of every address: one for both families then."""
    port = ports[-1]
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    protocol = socket.IPPROTO_SCTP if port.protocol == "sctp" else 0
    opened = socket.socket(family, _KINDS[port.protocol] | socket.SOCK_CLOEXEC, protocol)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, len(ports) == 1)
        if listens:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((port.host_ip, port.host_port))
        if listens:
            opened.listen(_BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def _every_address() -> Sequence[str]:
    """Of IPv4, and of IPv6 where this host has it; the one of IPv6 comes last."""
    return _BOTH if socket.has_ipv6 and Path("/proc/net/if_inet6").exists() else _BOTH[:1]
