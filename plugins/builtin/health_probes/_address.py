"""What HTTP and TCP probes are told: where in the container to knock. Pure."""

import ipaddress
from functools import lru_cache
from typing import Final

import attrs

from ck.kernel.errors import InvalidArgument

_LOCALHOST: Final = ("127.0.0.1", "::1")


@attrs.frozen(kw_only=True)
class Address:
    """`hosts` are tried in order, each an IP address."""

    hosts: tuple[str, ...]
    port: int


@attrs.frozen(kw_only=True)
class Page:
    """`host` is as the request's header says it."""

    address: Address
    host: str
    path: str

    @property
    def request(self) -> bytes:
        """What asks for it."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUser-Agent: ck-health\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n"
        ).encode()


def parse_address(text: str) -> Address:
    """`PORT`, `:PORT`, `HOST:PORT`, `[HOST]:PORT`; without a host, the container's own loopback addresses.

    Raises: InvalidArgument.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise InvalidArgument(f"invalid port {port!r} in the health check {text!r}")
    if host in ("", "localhost"):
        return Address(hosts=_LOCALHOST, port=int(port))
    try:
        return Address(hosts=(str(ipaddress.ip_address(host)),), port=int(port))
    except ValueError:
        raise InvalidArgument(
            f"invalid host {host!r} in the health check {text!r}: it is localhost or an IP address"
        ) from None


@lru_cache(maxsize=1024)  # probes ask for the same few again and again
def parse_page(text: str) -> Page:
    """`[http://][HOST]:PORT[/PATH]`; port 80 where a URL has none. Raises: InvalidArgument."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        rest = text
    elif scheme != "http":
        raise InvalidArgument(f"invalid scheme {scheme!r} in the health check {text!r}: it is http")
    authority, slash, path = rest.partition("/")
    if separator and ":" not in authority.rpartition("]")[2]:
        authority += ":80"
    if not rest.isascii() or not rest.isprintable() or " " in rest:
        raise InvalidArgument(f"invalid URL {text!r} of a health check: only printable ASCII without spaces is allowed")
    address = parse_address(authority)
    host = authority if not authority.startswith(":") and not authority.isdecimal() else f"localhost:{address.port}"
    return Page(address=address, host=host, path=slash + path or "/")
