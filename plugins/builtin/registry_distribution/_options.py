"""The driver's options, and from a registry's name to the places where it is asked. Pure."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.registry_distribution._reference import DOCKER_HUB, HOST, PATH

DOCKER_HUB_API: Final = "registry-1.docker.io"
CERTIFICATES: Final = ("/etc/ck/certs.d", "/etc/docker/certs.d")


@attrs.frozen(kw_only=True)
class RegistryOptions:
    """The table `[drivers.registry.distribution]` of the config."""

    mirrors: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """By registry host: base URLs asked before the registry itself. A path in one stands before the repository's."""

    insecure: tuple[str, ...] = ()
    """Hosts ("HOST", "HOST:PORT", or a network "10.0.0.0/8") that are spoken to by plain http."""

    certificates: tuple[str, ...] = CERTIFICATES
    """Directories that hold HOST[:PORT]/*.crt (CAs) and *.cert with *.key (client certificates)."""

    downloads: int = 3
    """Blobs fetched at once from one registry. As many as Docker, which registries' limits are made for; layers are
    stored one after another anyway, so that more would only wait on disk."""

    uploads: int = 5
    """Blobs sent at once to one registry; as many as Docker."""

    chunk: int = 32 << 20
    """Bytes of a blob that are sent in one request. Some registries want at least 5 MiB, proxies before them set a
    limit; what breaks begins again at its chunk."""

    attempts: int = 6
    """Tries in a row that bring nothing before a request is given up."""

    backoff: float = 0.5
    """Seconds before the second try, doubled for each after it."""


@attrs.frozen(kw_only=True)
class Endpoint:
    """One server that is asked for a registry's images. `prefix` ("" or "cache/") stands before repositories' paths."""

    scheme: str
    host: str  # with the port, if it is given
    prefix: str = ""
    is_mirror: bool = False

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"


def read_options(options: Mapping[str, Any]) -> RegistryOptions:
    """Check the config's table. Raises: InvalidArgument, naming the option."""
    for option in options:
        if option not in attrs.fields_dict(RegistryOptions):
            raise _wrong(option, "is not known")
    values = dict(options)
    for option in ("insecure", "certificates"):
        if option in values:
            values[option] = _texts(option, values[option])
    if "mirrors" in values:
        values["mirrors"] = _mirrors(values["mirrors"])
    for option in ("downloads", "uploads", "chunk", "attempts"):
        value = values.get(option, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _wrong(option, f"must be a whole number above 0, not {value!r}")
    backoff = values.get("backoff", 0)
    if not isinstance(backoff, int | float) or isinstance(backoff, bool) or backoff < 0:
        raise _wrong("backoff", f"must be seconds, not {backoff!r}")
    read = RegistryOptions(**values)
    for registry in read.mirrors:
        endpoints(registry, read, frozenset())
    return read


def endpoints(registry: str, options: RegistryOptions, with_certificates: frozenset[str]) -> tuple[Endpoint, ...]:
    """Where to ask for images of *registry*, in order: its mirrors, then itself.

    *with_certificates* are the hosts that have a directory of certificates: those speak TLS, even on loopback.
    """
    mirrors = (_mirror(url, options, with_certificates) for url in options.mirrors.get(registry, ()))
    host = DOCKER_HUB_API if registry == DOCKER_HUB else registry
    return (*mirrors, Endpoint(scheme=_scheme(host, options, with_certificates), host=host))


def bare_host(host: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    return name.removeprefix("[").removesuffix("]")


def is_loopback(host: str) -> bool:
    """Whether *host* (with or without a port) names this machine and nothing else."""
    name = bare_host(host)
    address = _address(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def _mirror(url: str, options: RegistryOptions, with_certificates: frozenset[str]) -> Endpoint:
    parts = urlsplit(url if "://" in url else f"//{url}")
    host, prefix = parts.netloc, parts.path.strip("/")
    if (
        parts.scheme not in ("", "http", "https")
        or not HOST.fullmatch(host)
        or (prefix and not PATH.fullmatch(prefix))
        or parts.query
        or parts.fragment
    ):
        raise _wrong("mirrors", f"must hold URLs such as 'https://mirror.example', not {url!r}")
    scheme = parts.scheme or _scheme(host, options, with_certificates)
    return Endpoint(scheme=scheme, host=host, prefix=prefix and f"{prefix}/", is_mirror=True)


def _scheme(host: str, options: RegistryOptions, with_certificates: frozenset[str]) -> str:
    if host in with_certificates:
        return "https"
    return "http" if is_loopback(host) or _listed(host, options.insecure) else "https"


def _listed(host: str, insecure: tuple[str, ...]) -> bool:
    name = bare_host(host)
    if host in insecure or name in insecure:
        return True
    address = _address(name)
    networks = (ipaddress.ip_network(entry, strict=False) for entry in insecure if "/" in entry)
    return address is not None and any(address in network for network in networks)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _mirrors(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise _wrong("mirrors", f"must be a table of registry to list of URLs, not {value!r}")
    return {str(registry): _texts("mirrors", urls) for registry, urls in value.items()}


def _texts(option: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _wrong(option, f"must be a list of strings, not {value!r}")
    if option == "insecure":
        for item in value:
            _check_insecure(item)
    return tuple(value)


def _check_insecure(item: str) -> None:
    try:
        valid = bool(ipaddress.ip_network(item, strict=False)) if "/" in item else HOST.fullmatch(item) is not None
    except ValueError:
        valid = False
    if not valid:
        raise _wrong("insecure", f"must hold hosts or networks, not {item!r}")


def _wrong(option: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"registry driver distribution: option {option!r} {what}")
