"""The files in /etc that the engine writes for each container: hostname, hosts, resolv.conf. Pure but for `write`."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from ck.kernel.drivers.resolver import RESOLVER_ADDRESS
from ck.kernel.errors import InvalidArgument

_LOCALHOST: Final = """\
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
"""


@attrs.frozen(kw_only=True)
class Resolver:
    """What `--dns`, `--dns-search` and `--dns-option` ask for; empty values leave the host's."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def hosts_file(hostname: str, domainname: str, addresses: Sequence[str], extra: Sequence[str], *, host: str) -> str:
    """/etc/hosts. *extra* are `--add-host` entries; *host* is the text of the host's file where its network is shared,
    else "". Raises: InvalidArgument."""
    lines = [host or _LOCALHOST]
    for entry in extra:
        name, address = split_extra_host(entry)
        lines.append(f"{address}\t{name}\n")
    names = f"{hostname}.{domainname} {hostname}" if domainname else hostname
    lines += [f"{address}\t{names}\n" for address in addresses]
    return "".join(lines)


def split_extra_host(entry: str) -> tuple[str, str]:
    """`NAME:ADDRESS` or `NAME=ADDRESS`; an IPv6 address may stand in brackets. Raises: InvalidArgument."""
    separator = "=" if "=" in entry else ":"
    name, _, address = entry.partition(separator)
    address = address.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidArgument(f"invalid --add-host {entry!r}: {address!r} is no IP address") from error
    if not name or any(character.isspace() for character in name):
        raise InvalidArgument(f"invalid --add-host {entry!r}: {name!r} is no host name")
    return name, address


def resolv_conf(host: str, asked: Resolver, *, own_network: bool) -> str:
    """/etc/resolv.conf from the *host*'s text.

    Nameservers on loopback are left out where the container has a network of its own, because they cannot be reached
    from there. Raises: InvalidArgument.
    """
    for server in asked.servers:
        try:
            ipaddress.ip_address(server)
        except ValueError as error:
            raise InvalidArgument(f"invalid --dns {server!r}: it is no IP address") from error
    kept = []
    for line in host.splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword == "nameserver":
            if asked.servers or (own_network and _is_loopback(value.strip())):
                continue
        elif (keyword in ("search", "domain") and asked.search) or (keyword == "options" and asked.options):
            continue
        kept.append(line)
    kept += [f"nameserver {server}" for server in asked.servers]
    if asked.search and asked.search != (".",):
        kept.append(f"search {' '.join(asked.search)}")
    if asked.options:
        kept.append(f"options {' '.join(asked.options)}")
    return "".join(f"{line}\n" for line in kept)


def reachable_servers(host: str) -> Sequence[str]:
    """The name servers in the *host*'s text that a container with a network of its own can reach."""
    servers = (
        line.split()[1] for line in host.splitlines() if len(line.split()) > 1 and line.split()[0] == "nameserver"
    )
    return [server for server in servers if not _is_loopback(server)]


def search_domains(host: str) -> Sequence[str]:
    """Those of the *host*'s text: the last line that names some counts (resolv.conf(5))."""
    found: Sequence[str] = ()
    for fields in (line.split() for line in host.splitlines()):
        if fields and fields[0] in ("search", "domain"):
            found = fields[1:]
    return found


def embedded_resolv_conf(host: str, asked: Resolver) -> str:
    """/etc/resolv.conf where the engine itself answers; with `ndots:0`, so that a name without a dot is asked as it is
    before any search domain. Raises: InvalidArgument."""
    lines = [f"nameserver {RESOLVER_ADDRESS}"]
    options = ["ndots:0"] if not any(option.startswith("ndots") for option in asked.options) else []
    for line in resolv_conf(host, asked, own_network=True).splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword in ("search", "domain"):
            lines.append(line)
        elif keyword == "options":
            options += [option for option in value.split() if asked.options or not option.startswith("ndots")]
    lines.append(f"options {' '.join(dict.fromkeys(options))}")
    return "".join(f"{line}\n" for line in lines)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def write(directory: Path, hostname: str, hosts: str, resolv: str) -> None:
    """Write the three files for the container to bind; in place, because a running container holds the inodes."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("hostname", f"{hostname}\n"), ("hosts", hosts), ("resolv.conf", resolv)):
        path = directory / name
        path.write_text(text)
        path.chmod(0o644)


def read_host_file(path: str) -> str:
    """A file of the host, "" where there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
